"""One prompt on one server, from the queue to its end, over the websocket; the history has the last word.

A websocket can miss messages, so that silence leads to a question over HTTP. What counts against a server is silence
while it has nothing else to do than this prompt.
"""

import contextlib
import json
import socket
import ssl
import time
from urllib.parse import urlencode, urlsplit

import websocket

from .server import CONNECT, Gone

ASK, HEAR = 5.0, 0.5  # seconds of silence until the server is asked; and until the caller may stop
TRIES = 3
_ENDS = ("execution_success", "execution_error", "execution_interrupted")


class Stopped(Exception):
    """The user, or an error elsewhere, ended the whole queue."""


class Listener:
    """The websocket of a server; it connects again when it is lost."""

    def __init__(self, server, client_id):
        scheme, _, rest = server.address.partition("://")
        self.address = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?{urlencode({'clientId': client_id})}"
        self.header = [f"Authorization: Bearer {server.token}"] if server.token else []
        self.timeout, self.authorities, self.socket = server.timeout, server.authorities, None

    def close(self):
        if self.socket is not None:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.socket.close(timeout=1)
        self.socket = None

    def connect(self):
        """Raises ``Gone`` when it cannot be had."""
        for again in range(TRIES):
            try:
                wire = self._wire(min(CONNECT, self.timeout))
                self.socket = websocket.create_connection(
                    self.address, socket=wire, timeout=min(CONNECT, self.timeout), header=self.header, redirect_limit=0
                )
                self.socket.settimeout(HEAR)
                return
            except (OSError, websocket.WebSocketException) as error:
                why = type(error).__name__
                time.sleep(0.3 * again)
        raise Gone(f"refuses or drops the websocket ({why})")

    def _wire(self, timeout):
        """A connection of our own: the package would go through a proxy that the environment names."""
        parts = urlsplit(self.address)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        wire = socket.create_connection((parts.hostname, port), timeout)
        if parts.scheme == "wss":
            return ssl.create_default_context(cafile=self.authorities).wrap_socket(wire, server_hostname=parts.hostname)
        return wire

    def receive(self):
        """``(type, data)`` of the next message, ``(None, {})`` after a while without one."""
        if self.socket is None:
            self.connect()
        try:
            text = self.socket.recv()
        except websocket.WebSocketTimeoutException:
            return None, {}
        except (OSError, websocket.WebSocketException):
            self.socket = None
            time.sleep(HEAR)
            return None, {}
        try:
            message = json.loads(text) if isinstance(text, str) else {}
        except (json.JSONDecodeError, RecursionError):
            message = {}
        data = message.get("data") if isinstance(message, dict) else None
        return (str(message.get("type")), data) if isinstance(data, dict) else ("other", {})


def follow(server, listener, prompt_id, stop, heard):
    """The history's entry once the prompt has ended; ``heard(kind, data)`` gets its messages.

    Raises ``Gone`` when the server dies, hangs or forgets it, ``Stopped`` when ``stop`` is set.
    """
    alive = asked = time.monotonic()
    ended = False
    while True:
        if stop.is_set():
            raise Stopped
        kind, data = listener.receive()
        now = time.monotonic()
        if data.get("prompt_id") == prompt_id:
            alive = now
            heard(kind, data)
            ended = ended or kind in _ENDS or kind == "executing" and data.get("node") is None
        if ended or now - max(alive, asked) > min(ASK, server.timeout / 3):
            place = server.place(prompt_id) if not ended else "ended"
            entry = server.history(prompt_id)  # after the place: the server moves it from there to here
            if entry is not None:
                return entry
            if place is None:
                raise Gone("has forgotten the job it was given; was it started anew?")
            asked = time.monotonic()
            if place == "pending":  # behind somebody else's
                alive = asked
            if place == "ended":
                time.sleep(0.02)
        if now - alive > server.timeout:
            server.cancel(prompt_id)
            raise Gone(f"hangs: nothing of the job for {server.timeout:g} s")
