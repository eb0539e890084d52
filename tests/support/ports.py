"""Ports for servers that a test starts, stops, and starts again at the same place."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the ports that systems hand out for outgoing connections, so that none of those takes the place of a server
# while it is down.
_FROM, _TO = 15_000, 32_000


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens now."""
    while True:
        port = random.SystemRandom().randrange(_FROM, _TO)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
