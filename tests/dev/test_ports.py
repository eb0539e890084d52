"""The ports of `assent dev`: had, and different from each other."""

import socket

import pytest

from config.errors import PortUnavailableError, StartError
from dev.ports import Port, check_that_they_differ
from tests.support.ports import LOOPBACK, free_port


def test_port_is_free_until_somebody_listens() -> None:
    """Whether a port can be had is asked by binding it."""
    port = Port(LOOPBACK, free_port(), "--port")
    assert port.is_free
    with socket.create_server((LOOPBACK, port.number)):
        assert not port.is_free
        with pytest.raises(PortUnavailableError, match=rf"Port {port.number} on .* is taken"):
            port.check()


def test_one_number_for_two_ports_is_a_sentence() -> None:
    """Two of our own processes cannot share a port, and neither is another program."""
    ports = [Port(LOOPBACK, 8000, "--port"), Port(LOOPBACK, 7233, "--temporal-port"), Port(LOOPBACK, 8000, "--ui")]
    check_that_they_differ(*ports[:2])
    with pytest.raises(StartError, match=r"^--port and --ui are both 8000: give them different ports\.$"):
        check_that_they_differ(*ports)
