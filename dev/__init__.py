"""`assent dev`: Temporal, a worker and the API, started and stopped together in one terminal."""
