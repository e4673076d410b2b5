"""Which nodes of a prompt (API format) will skip."""

from collections.abc import Iterator
from typing import Any

from ..convert.api import label, might_sample
from ..convert.behind import Behind
from ..convert.known import OURS
from ..convert.links import Prompt, is_link, kind_of, nodes
from ..convert.packs import CACHES, CARRIED, SAMPLERS, aside
from ..convert.widgets import WIDGETS
from .findings import Sampling
from .verdict import Ours, verdict

UNKNOWN = "it is not among the samplers whose MODEL input is known by name"


def sampling(prompt: Prompt) -> list[Sampling]:
    """The nodes that sample or sound like it, in the order of the file."""
    return list(_Prompt(prompt).nodes())


class _Prompt:
    def __init__(self, prompt: Prompt) -> None:
        self.prompt, self.behind = prompt, Behind(prompt)
        self.caches = Behind(prompt, CACHES, ())

    def nodes(self) -> Iterator[Sampling]:
        for number, node in nodes(self.prompt):
            kind, inputs = node["class_type"], node["inputs"]
            carried = [CARRIED[kind]] if kind in CARRIED else []
            keys = ["model"] if kind in OURS else SAMPLERS.get(kind, carried)
            for key in keys:
                yield self._node(number, kind, inputs, key, len(keys) > 1)
            if not keys and (aside(kind) or might_sample(self.prompt, kind, inputs)):
                yield Sampling(label(self.prompt, number), None, False, why=aside(kind) or UNKNOWN)

    def _node(self, number: str, kind: str, inputs: dict[str, Any], key: str, several: bool) -> Sampling:
        source = inputs.get(key)
        before = number if kind in OURS else self.behind.because(number, source)
        fault = aside(kind) if before is None else None
        if not is_link(source, self.prompt):
            fault = f"nothing is connected to its input {key!r}"
        cache = self.caches.because(number, source)
        caches = [label(self.prompt, cache)] if cache else []
        texts = [text for one in self._with_samplers(number) for text in _texts(self.prompt[one])]
        return verdict(label(self.prompt, number), key if several else None, fault, self._ours(before), caches, texts)

    def _ours(self, number: str | None) -> Ours | None:
        if number is None:
            return None
        mode, custom = (self.prompt[number]["inputs"].get(name) for name in WIDGETS)
        connected = is_link(mode, self.prompt) or is_link(custom, self.prompt)
        kind = kind_of(self.prompt, number)
        return Ours(label(self.prompt, number), kind, None if connected else (mode, custom))

    def _with_samplers(self, number: str) -> list[str]:
        """The node, and those that make the SAMPLER that it, or the node it is the guider of, uses."""
        found = {number: None}
        todo = [self.prompt[number]["inputs"], *self.behind.guided.get(number, [])]
        while todo:
            link = todo.pop().get("sampler")
            if is_link(link, self.prompt) and str(link[0]) not in found and kind_of(self.prompt, str(link[0])):
                found[str(link[0])] = None
                inputs = self.prompt[str(link[0])].get("inputs")
                todo += [inputs] if isinstance(inputs, dict) else []
        return list(found)


def _texts(node: dict[str, Any]) -> Iterator[object]:
    """The class of a node and the values of its inputs."""
    yield node["class_type"]
    inputs = node.get("inputs")
    yield from inputs.values() if isinstance(inputs, dict) else ()
