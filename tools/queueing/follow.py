"""Waits for one prompt on one server, from the queue to its end, over the websocket.

A websocket can miss messages. So after some silence the server is asked over HTTP, and what its history says about the
end counts. A server is given up when it is silent for too long while nothing stands in its queue before this prompt.
"""

import threading
import time
from collections.abc import Callable

from .answers import Entry, Heard
from .gone import Gone
from .listen import Listener
from .server import Server

ASK = 5.0  # seconds of silence after which the server is asked over HTTP
_ENDS = ("execution_success", "execution_error", "execution_interrupted")


class Stopped(Exception):
    """The user, or an error elsewhere, ended the whole queue."""


def follow(
    server: Server,
    listener: Listener,
    prompt_id: str,
    stop: threading.Event,
    heard: Callable[[str, Heard], None],
) -> Entry:
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
        if data.prompt_id == prompt_id:
            alive = now
            heard(kind, data)
            ended = ended or kind in _ENDS or kind == "executing" and data.node is None
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
