"""Sockets to listen on, had before anything else starts, so that a port that is taken is told at once."""

import errno
import re
import socket

from config.errors import PortUnavailableError

_LAST_PORT = 65535
_ADDRESS = re.compile(r"(\[[\w:.%]+\]|[\w.-]+):(\d{1,5})", re.ASCII)


def parse_address(written: str) -> tuple[str, int]:
    """Return host and port of `<host>:<port>`, an IPv6 host in brackets. Raises ValueError that says what to set."""
    found = _ADDRESS.fullmatch(written)
    if found is None or not 1 <= int(found[2]) <= _LAST_PORT:
        message = f"is {written!r}: set it to <host>:<port>, such as 127.0.0.1:9464"
        raise ValueError(message)
    return found[1].strip("[]"), int(found[2])


def listen_on(host: str, port: int, *, option: str = "--port", host_option: str = "--host") -> socket.socket:
    """Return a socket bound to `host` and `port`; `option` is where a person chooses another port.

    Raises PortUnavailableError.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            # Connections that have just ended do not keep the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise PortUnavailableError(why_unavailable(error, host, port, option, host_option)) from None
    return listener


def why_unavailable(error: OSError, host: str, port: int, option: str, host_option: str) -> str:
    """Return the sentence that says why a listener cannot be had, and what to set instead."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program: stop it, or choose another port by {option}."
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} may not be used by this user: choose one from 1024 by {option}."
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: choose another by {host_option}."
    return f"Port {port} on {host} cannot be listened on ({error.strerror}): choose another by {option}."
