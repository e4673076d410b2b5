"""Waits for one prompt on one server, from the queue to its end, over the websocket.

A websocket can miss messages. So after some silence the server is asked over HTTP, and what its history says about the
end counts. A server is given up when it is silent for too long while nothing stands in its queue before this prompt.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import websocket

from ..data import Object, parse_object
from .server import CONNECT, Gone, Server

ASK = 5.0  # seconds of silence after which the server is asked over HTTP
HEAR = 0.5  # seconds to wait for a message before looking whether to stop
TRIES = 3
_ENDS = ("execution_success", "execution_error", "execution_interrupted")


class Stopped(Exception):
    """The user, or an error elsewhere, ended the whole queue."""


class Listener:
    """The websocket of a server for messages to ``client_id``; it connects again when it is lost."""

    def __init__(self, server: Server, client_id: str) -> None:
        scheme, _, rest = server.address.partition("://")
        self.address = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?{urlencode({'clientId': client_id})}"
        self.header = [f"Authorization: Bearer {server.token}"] if server.token else []
        self.timeout, self.authorities = server.timeout, server.authorities
        self.socket: websocket.WebSocket | None = None

    def close(self) -> None:
        """End the connection, if there is one."""
        if self.socket is not None:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.socket.close(timeout=1)
        self.socket = None

    def connect(self) -> websocket.WebSocket:
        """Connect, with a few tries. Raises ``Gone`` if the server does not let it."""
        for again in range(TRIES):
            try:
                wire = self._wire(min(CONNECT, self.timeout))
                self.socket = websocket.create_connection(
                    self.address, socket=wire, timeout=min(CONNECT, self.timeout), header=self.header, redirect_limit=0
                )
                self.socket.settimeout(HEAR)
                return self.socket
            except (OSError, websocket.WebSocketException) as error:
                why = type(error).__name__
                time.sleep(0.3 * again)
        raise Gone(f"refuses or drops the websocket ({why})")

    def _wire(self, timeout: float) -> socket.socket:
        """The connection under the websocket. The package would make one through a proxy that the environment names."""
        parts = urlsplit(self.address)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        wire = socket.create_connection((parts.hostname, port), timeout)
        if parts.scheme == "wss":
            return ssl.create_default_context(cafile=self.authorities).wrap_socket(wire, server_hostname=parts.hostname)
        return wire

    def receive(self) -> tuple[str | None, Object]:
        """``(type, data)`` of the next message; ``(None, {})`` after ``HEAR`` seconds without one.

        What is no message of ComfyUI has the type "other". Raises ``Gone`` as ``connect`` does.
        """
        connection = self.connect() if self.socket is None else self.socket
        try:
            text = connection.recv()
        except websocket.WebSocketTimeoutException:
            return None, {}
        except (OSError, websocket.WebSocketException):
            self.socket = None
            time.sleep(HEAR)
            return None, {}
        message = (parse_object(text) if isinstance(text, str) else None) or {}
        data = message.get("data")
        return (str(message.get("type")), data) if isinstance(data, dict) else ("other", {})


def follow(
    server: Server,
    listener: Listener,
    prompt_id: str,
    stop: threading.Event,
    heard: Callable[[str, Object], None],
) -> Object:
    """Wait until the prompt has ended and return its entry in the history; ``heard(type, data)`` gets its messages.

    Raises ``Gone`` when the server dies, hangs or forgets the prompt, ``Stopped`` when ``stop`` is set.
    """
    alive = asked = time.monotonic()
    ended = False
    while True:
        if stop.is_set():
            raise Stopped
        kind, data = listener.receive()
        now = time.monotonic()
        if kind is not None and data.get("prompt_id") == prompt_id:
            alive = now
            heard(kind, data)
            ended = ended or kind in _ENDS or kind == "executing" and data.get("node") is None
        if ended or now - max(alive, asked) > min(ASK, server.timeout / 3):
            place = server.place(prompt_id) if not ended else "ended"
            entry = server.history(prompt_id)  # asked second: a prompt moves from queue to history
            if entry is not None:
                return entry
            if place is None:
                raise Gone("has forgotten the job it was given; was it started anew?")
            asked = time.monotonic()
            if place == "pending":  # another prompt runs before it: silence is no fault
                alive = asked
            if place == "ended":
                time.sleep(0.02)
        if now - alive > server.timeout:
            server.cancel(prompt_id)
            raise Gone(f"hangs: nothing of the job for {server.timeout:g} s")
