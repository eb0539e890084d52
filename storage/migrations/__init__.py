"""Alembic's migrations. Each works while the previous release still runs."""
