"""What is behind what: from one of our nodes forwards to all that skips because of it."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

Place = TypeVar("Place", bound=Hashable)
Cause = TypeVar("Cause")


class Spread(Generic[Place, Cause]):
    """The places that are behind a cause, each with the cause that came to it first.

    ``after`` gives the places right behind one; a place is looked at once, however many causes and ways lead to it, so
    that all of it takes time in proportion to the graph, cycles included. Walking back from each sampler would not.
    """

    def __init__(self, after: Callable[[Place], Iterable[Place]]) -> None:
        self.after = after
        self.because: dict[Place, Cause] = {}

    def add(self, places: Iterable[Place], cause: Cause) -> None:
        """A cause, and the places that it comes to."""
        todo = deque(places)
        while todo:
            place = todo.popleft()
            if place not in self.because:
                self.because[place] = cause
                todo.extend(self.after(place))
