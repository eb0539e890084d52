"""How a process is set up: its settings, its connection to Temporal and its log."""
