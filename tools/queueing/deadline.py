"""Connections whose waits all end at one deadline: for headers, bodies and handshakes alike.

A timeout of a socket is for each read, so that a server which sends a byte now and then would never be too late.
"""

import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

SLOWEST = 2**17  # bytes a second; a server that sends at least so many is not too slow, however much it sends
CONNECT = 5.0  # seconds in which an address must answer at all


class Deadline:
    """So many seconds from now, and a second more for each ``SLOWEST`` bytes that came or went."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.until = seconds, time.monotonic() + seconds

    def earn(self, count: int) -> None:
        """So many bytes of a body came or went."""
        self.until += count / SLOWEST

    def left(self) -> float:
        """Seconds that are left. Raises TimeoutError if there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Timed(socket.socket):
    """A connection with a deadline, as far as ``http.client`` uses one."""

    deadline: Deadline

    def recv_into(self, *args: Any, **named: Any) -> int:
        """As in ``socket``. Raises TimeoutError at the deadline."""
        self.settimeout(self.deadline.left())
        return super().recv_into(*args, **named)

    def send(self, *args: Any, **named: Any) -> int:
        """As in ``socket``. Raises TimeoutError at the deadline."""
        self.settimeout(self.deadline.left())
        return super().send(*args, **named)

    def sendall(self, *args: Any, **named: Any) -> None:
        """As in ``socket``. Raises TimeoutError at the deadline."""
        self.settimeout(self.deadline.left())
        super().sendall(*args, **named)


class TimedTLS(Timed, ssl.SSLSocket):
    """The same over TLS."""


def connect(address: str, deadline: Deadline, authorities: str) -> Timed:
    """A connection to ``scheme://host:port``; with https, ``authorities`` is the file of those who are trusted.

    Proxies that the environment names are not asked. Raises OSError, TimeoutError at the deadline.
    """
    parts = urlsplit(address)
    host, secure = parts.hostname or "", parts.scheme == "https"
    try:
        plain = socket.create_connection((host, port_of(address)), min(CONNECT, deadline.left()))
    except UnicodeError:  # of a name that no host can have
        raise OSError(f"{host!r} is no name of a host") from None
    wire = Timed(plain.family, plain.type, plain.proto, plain.detach())
    wire.deadline = deadline
    if not secure:
        return wire
    with wire:  # which is without its connection once TLS has taken it over
        context = ssl.create_default_context(cafile=authorities)
        context.sslsocket_class = TimedTLS
        wire.settimeout(deadline.left())
        secured: TimedTLS = context.wrap_socket(wire, server_hostname=host)  # type: ignore[assignment]  # of that class
    secured.deadline = deadline
    return secured


def port_of(address: str) -> int:
    """The port of ``scheme://host:port``, that of the scheme if none is said."""
    parts = urlsplit(address)
    return parts.port or (443 if parts.scheme == "https" else 80)
