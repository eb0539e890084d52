"""The reviewers' screens: server-rendered HTML over the same use cases as the API."""
