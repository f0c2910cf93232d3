"""The demonstration: real heartbeats, three versions, and nobody who says how it ends."""
