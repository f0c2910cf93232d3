"""What is kept in SQL: tables, their migrations, and what is asked of them."""
