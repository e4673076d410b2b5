"""Which nodes of a prompt skip already, because of one of our nodes before them."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from .known import MODEL_NODE, SAMPLER_NODES
from .links import Prompt, is_link, kind_of, nodes
from .spread import Spread

# Inputs through which a MODEL or a SAMPLER passes on the way: those of patches, pipes, reroutes, switches.
_PASSING = re.compile(r"(?i)model|sampler|pipe|tuple|input|any|value|on_true|on_false")


class Behind:
    """Which nodes of a prompt skip because of one of ours that a MODEL or SAMPLER has passed before them.

    ``models`` and ``samplers`` are the classes that make such a value one that skips.
    """

    def __init__(
        self, prompt: Prompt, models: Collection[str] = (MODEL_NODE,), samplers: Collection[str] = SAMPLER_NODES
    ) -> None:
        self.prompt, self.causes = prompt, (models, samplers)
        self.users: dict[str, list[str]] = {}  # nodes by those that they get a MODEL or SAMPLER from
        self.guided: dict[str, list[dict[str, Any]]] = {}  # inputs by the guider they take
        for number, node in nodes(prompt):
            for key, value in node["inputs"].items():
                if is_link(value, prompt) and _PASSING.search(key):
                    self.users.setdefault(str(value[0]), []).append(number)
                if key == "guider" and is_link(value, prompt) and value[1] == 0:
                    self.guided.setdefault(str(value[0]), []).append(node["inputs"])
        self.models, self.samplers = (Spread[str, str](self._after(causes)) for causes in self.causes)
        for number, _ in nodes(prompt):
            self.add(number)

    def add(self, number: str, user: str | None = None) -> None:
        """Take note of a node, there already or new with that user, because of which others skip (if it is one)."""
        if user is not None:
            self.users.setdefault(number, []).append(user)
        for spread, causes in zip((self.models, self.samplers), self.causes, strict=True):
            if kind_of(self.prompt, number) in causes:
                spread.because[number] = number
                for after in self.users.get(number, []):
                    if kind_of(self.prompt, after) not in causes:
                        spread.add([after], number)

    def _after(self, causes: Collection[str]) -> Callable[[str], Iterator[str]]:
        return lambda number: (one for one in self.users.get(number, []) if kind_of(self.prompt, one) not in causes)

    def because(self, number: str, source: Any) -> str | None:
        """The id of the node because of which a sampling node skips already, or None.

        It stands before the MODEL input (``source`` is what that holds), or before the SAMPLER input of the node itself
        or of the one that uses it as its guider.
        """
        users = (self.prompt[number]["inputs"], *self.guided.get(number, []))
        ways = [(source, self.models), *((inputs.get("sampler"), self.samplers) for inputs in users)]
        found = (spread.because.get(str(link[0])) for link, spread in ways if is_link(link, self.prompt))
        return next(filter(None, found), None)
