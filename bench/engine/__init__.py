"""Assent beside what it is made of: the barest workflow on Temporal, and the same on DBOS."""
