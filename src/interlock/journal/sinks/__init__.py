"""Where records are kept: each sink takes the journal in order and knows how far it got."""
