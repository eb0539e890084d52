"""The pictures of the dashboard, and what takes them: a small team's Assent, with some weeks behind it."""
