"""The record: SQLAlchemy Core tables and the transactions that decide. SQLite and PostgreSQL run the same code."""
