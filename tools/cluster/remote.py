"""A ``Runner`` whose ComfyUI is an actor's, somewhere in the cluster."""

import threading
from collections.abc import Callable
from typing import Any, BinaryIO

import ray
from ray.exceptions import RayError, RayTaskError

from ..convert.links import Prompt
from ..queueing.answers import Listed
from ..queueing.deadline import Deadline
from ..queueing.follow import Stopped
from ..queueing.gone import Gone
from ..queueing.refusal import Refused
from ..queueing.runner import Ran, Step
from ..text import cut, one_line

END = 10.0  # seconds in which a ComfyUI ends by itself
LOOK = 1.0  # seconds of waiting between two looks whether to stop


class ActorRunner:
    """Asks an actor of the class ``Host``.

    ``wait`` is called while no machine has room for it, and may raise ``Gone`` or ``Stopped`` to give up. ``stop`` ends
    all waiting.
    """

    def __init__(
        self, number: int, start: Callable[[], Any], timeout: float, stop: threading.Event, wait: Callable[[], None]
    ) -> None:
        self.address = self.name = f"ComfyUI {number}"
        self.place = ""  # until it has one
        self.start, self.timeout, self.stop, self.wait = start, timeout, stop, wait
        self.actor: Any = None
        self.opened = self.closed = self.broken = False  # broken: it had a place, and no ComfyUI came up there

    def open(self) -> None:
        """Wait for a place, and for the ComfyUI there. Raises ``Stopped`` when there is nothing to do any more."""
        self.actor = self.start()
        self.place = self._answer(self.actor.place.remote(), self.wait)
        self.name = f"{self.name} on {self.place}"
        try:
            self._answer(self.actor.open.remote())
        except Lost:
            raise
        except Gone:
            self.broken = True
            raise
        self.opened = True

    def run(self, prompt: Prompt, kept: str | None, begin: Callable[[str], None], step: Step) -> Ran:
        """As ``Runner`` says; nothing is kept, for the ComfyUI does not outlive the queue."""
        ran: Ran = self._answer(self.actor.run.remote(prompt))
        return ran

    def view(self, file: Listed, sink: BinaryIO, deadline: Deadline) -> bool:
        """As ``Viewer`` says: the file comes in pieces, so that neither side holds all of it in memory."""
        fetched = self._answer(self.actor.fetch.remote(file))  # the actor has a deadline for that
        if fetched is None:
            return False
        size, piece = fetched
        while True:
            sink.write(piece)
            deadline.earn(len(piece))
            size -= len(piece)
            if size <= 0:
                return True
            piece = self._answer(self.actor.piece.remote(fetched[0] - size), lambda: _check(deadline))

    def close(self) -> None:
        """Let the actor go, and with it its ComfyUI.

        One without a ComfyUI keeps its place to the end of the queue, so that no other is tried there.
        """
        self.closed = True
        if self.actor is None or self.broken:
            return
        if self.opened and not self.stop.is_set():
            ray.wait([self.actor.end.remote()], timeout=END)
        ray.kill(self.actor)

    def _answer(self, asked: Any, wait: Callable[[], None] = lambda: None) -> Any:
        """What an actor answers, or what it raises of this; ``Lost`` if the actor died or its machine did."""
        while not ray.wait([asked], timeout=LOOK)[0]:
            if self.stop.is_set():
                raise Stopped
            wait()
        try:
            return ray.get(asked)
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, Gone | Refused | ValueError):
                raise cause from None
            if isinstance(cause, OSError):  # of its own machine: no room, no right
                raise Gone(f"cannot work there: {cut(one_line(str(cause)), 200)}") from None
            raise
        except RayError as error:
            raise Lost(f"is lost ({type(error).__name__}: {cut(one_line(str(error)), 400)})") from None


class Lost(Gone):
    """The actor died, or its machine."""


def _check(deadline: Deadline) -> None:
    try:
        deadline.left()
    except TimeoutError:
        raise Gone(f"does not hand over a file within {deadline.seconds:g} s") from None
