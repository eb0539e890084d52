"""Ports that cannot be had are told before anything starts."""

import socket

import pytest

from config.errors import PortUnavailableError
from config.listening import listen_on, parse_address

LOOPBACK = "127.0.0.1"


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("127.0.0.1:9464", "127.0.0.1", 9464),
        ("metrics.internal:1", "metrics.internal", 1),
        ("[::1]:65535", "::1", 65535),
    ],
)
def test_address_is_a_host_and_a_port(written: str, host: str, port: int) -> None:
    """An IPv6 host has brackets, which are no part of it."""
    assert parse_address(written) == (host, port)


def test_free_port_is_had() -> None:
    """The socket is bound, so nobody else can take the port in between."""
    with listen_on(LOOPBACK, 0) as listener:
        assert listener.getsockname()[1] > 0


def test_taken_port_is_a_sentence() -> None:
    """The sentence names the port and the option that chooses another."""
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortUnavailableError) as refused:
            listen_on(LOOPBACK, port, option="--temporal-port")
    assert str(refused.value) == (
        f"Port {port} on 127.0.0.1 is taken by another program: stop it, or choose another port by --temporal-port."
    )


def test_port_is_free_again_after_its_connections_have_ended() -> None:
    """A restart right after a stop finds its port: ended connections do not keep it."""
    with listen_on(LOOPBACK, 0) as listener:
        port = listener.getsockname()[1]
        listener.listen()
        with socket.create_connection((LOOPBACK, port)):
            accepted, _ = listener.accept()
            accepted.close()  # the side that closes first keeps the connection for a while
    listen_on(LOOPBACK, port).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_address_of_another_machine_is_a_sentence(host: str) -> None:
    """Only an address of this machine can be listened on."""
    with pytest.raises(PortUnavailableError, match=f"^{host} is not an address of this machine: .* by --host.$"):
        listen_on(host, 0)
