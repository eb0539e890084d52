"""One approval is one workflow: it waits, and it calls. It decides nothing; the recording transactions do."""
