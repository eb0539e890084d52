"""The use cases: what the API does, and what the dashboard and other ways in will do, each in one place."""
