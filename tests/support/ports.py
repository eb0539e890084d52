"""Ports for servers that a test starts, stops, and starts again at the same place."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the ports that systems hand out for outgoing connections, so that none of those takes the place of a server
# while it is down.
_FROM, _TO = 15_000, 32_000


# A port is tried, and then closed: without this, two servers that are about to start could be told the same one.
_given: set[int] = set()


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens now."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of `count` such ports in a row. None of them is returned again."""
    while True:
        first = random.SystemRandom().randrange(_FROM, _TO)
        row = range(first, first + count)
        if _given.isdisjoint(row) and all(map(_is_free, row)):
            _given.update(row)
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
