"""What a process tells of itself: metrics, log lines of what happened, and its part of traces."""
