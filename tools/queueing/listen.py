"""The websocket of a server: its messages about prompts, as typed records.

``websockets`` reads it in a thread of its own: opening has one deadline, pings and half messages keep nobody waiting,
and it stops reading while messages wait to be taken.
"""

import contextlib
import logging
import ssl
import time
from urllib.parse import urlencode

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from . import deadline
from .answers import Heard, Message, check, parse
from .gone import Gone
from .server import Server

HEAR = 0.5  # seconds to wait for a message before looking whether to stop
TRIES = 3
MOST = 32 * 2**20  # bytes of a message in all its fragments; a picture may be one
_ABOUT_PROMPTS = ("executing", "progress")  # and all that begin with execution_; other packs have messages of their own
_NOTHING = Heard()
_SILENT = logging.Logger("websockets")  # has no handler and no parent: what goes wrong is said by us
_SILENT.addHandler(logging.NullHandler())


class Listener:
    """The websocket of a server for messages to ``client_id``; it connects again when it is lost."""

    def __init__(self, server: Server, client_id: str) -> None:
        scheme, _, rest = server.address.partition("://")
        self.server = server
        self.address = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?{urlencode({'clientId': client_id})}"
        self.opened = contextlib.ExitStack()
        self.socket: ClientConnection | None = None

    def close(self) -> None:
        """End the connection, if there is one."""
        self.socket = None
        self.opened.close()

    def connect(self) -> ClientConnection:
        """Connect, with a few tries. Raises ``Gone`` if the server does not let it."""
        for again in range(TRIES):
            try:
                self.socket = self.opened.enter_context(self._open())
                return self.socket
            except (OSError, WebSocketException) as error:
                why = type(error).__name__
                time.sleep(0.3 * again)
        raise Gone(f"refuses or drops the websocket ({why})")

    def _open(self) -> ClientConnection:
        seconds = min(deadline.CONNECT, self.server.timeout) / TRIES
        context = None
        if self.address.startswith("wss"):
            context = ssl.create_default_context(cafile=self.server.authorities)
        token = self.server.secret.token
        return connect(
            self.address,
            ssl=context,
            additional_headers={"Authorization": f"Bearer {token}"} if token else {},
            compression=None,
            proxy=None,
            open_timeout=seconds,
            close_timeout=1,
            ping_interval=None,  # silence is judged by what the server says of the job
            max_size=MOST,
            max_queue=1,
            logger=_SILENT,
        )

    def receive(self) -> tuple[str, Heard]:
        """``(type, data)`` of the next message about a prompt; nothing is in ``data`` after ``HEAR`` seconds without.

        Raises ``Gone`` as ``connect`` does, and for a message that is none.
        """
        connection = self.connect() if self.socket is None else self.socket
        try:
            text = connection.recv(timeout=HEAR)
        except TimeoutError:
            return "", _NOTHING
        except (OSError, WebSocketException):
            self.close()
            time.sleep(HEAR)
            return "", _NOTHING
        if isinstance(text, bytes):  # a preview
            return "", _NOTHING
        message = parse(Message, self.server.secret.mask(text), "/ws")
        if message.type in _ABOUT_PROMPTS or message.type.startswith("execution_"):
            return message.type, check(Heard, message.data, "/ws")
        return "", _NOTHING
