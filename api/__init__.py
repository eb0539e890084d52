"""The HTTP API: JSON under `/v1`, thin over the use cases."""
