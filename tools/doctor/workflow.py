"""Which nodes of a workflow (UI format) will skip."""

from collections.abc import Iterator
from typing import Any

from ..convert.known import MODE_AT, OURS
from ..convert.packs import CACHES, aside
from ..convert.samplers import carrying_slots, model_slots, sampler_links, skips_already, unplaceable
from ..convert.trace import ASLEEP, Tracer
from ..convert.ui import Graph, Node, graphs, inputs, label
from ..convert.widgets import WIDGETS
from .findings import Sampling
from .verdict import Ours, verdict

STATES = dict(zip(ASLEEP, ("muted", "bypassed"), strict=True))


def sampling(workflow: dict[str, Any]) -> list[Sampling]:
    """The nodes that sample or sound like it, in the order of the file; subgraphs come after the workflow itself.

    Raises ValueError for what is not built as a workflow.
    """
    return list(_Workflow(workflow).nodes())


class _Workflow:
    def __init__(self, workflow: dict[str, Any]) -> None:
        self.graphs = graphs(workflow)
        self.all, self.awake = Tracer(self.graphs), Tracer(self.graphs, awake=True)
        self.caches = Tracer(self.graphs, {"MODEL": CACHES}, awake=True)

    def nodes(self) -> Iterator[Sampling]:
        for graph in self.graphs:
            for node in graph.form["nodes"]:
                if node["type"] in self.all.subgraphs:
                    continue
                name, slots = f"{label(node)}{graph.place}", model_slots(node) or carrying_slots(node)
                if node["type"] in OURS:
                    slots = [at for at, slot in enumerate(inputs(node)) if slot.get("type") == "MODEL"]
                for slot in slots:
                    yield self._node(graph, node, slot, name, len(slots) > 1)
                if not slots and (why := unplaceable(graph, node, self.all)):
                    yield Sampling(name, None, False, why=why)

    def _node(self, graph: Graph, node: Node, at: int, name: str, several: bool) -> Sampling:
        slot = inputs(node)[at]
        key, link = slot.get("name"), slot.get("link")
        before = node if node["type"] in OURS else skips_already(graph, node, at, self.awake)
        sleeping = None if before is not None else skips_already(graph, node, at, self.all)
        fault = None
        if node.get("mode") in ASLEEP:
            fault = f"it is {STATES[node['mode']]}"
        elif link is None or graph.source(link) is None:
            fault = f"nothing is connected to its input {key!r}"
        elif sleeping is not None:
            fault = f"{label(sleeping)} before it is {STATES[sleeping['mode']]}"
        elif before is None:
            fault = aside(node["type"])
        cache = self.caches.because(graph, link, "MODEL")
        ours = None if before is None else Ours(label(before), before["type"], _values(before))
        texts = [text for one in self._with_sampler(graph, node) for text in _texts(one)]
        return verdict(name, key if several else None, fault, ours, [label(cache)] if cache else [], texts)

    def _with_sampler(self, graph: Graph, node: Node) -> Iterator[Node]:
        """The node, and those that make the SAMPLER that it, or the node it is the guider of, uses."""
        yield node
        for link in sampler_links(graph, node):
            yield from self.all.ancestors(graph, link, "SAMPLER")


def _values(node: Node) -> tuple[object, object] | None:
    """The values of mode and custom_mode of one of our nodes, None if one of them is connected."""
    if any(slot.get("name") in WIDGETS and slot.get("link") is not None for slot in inputs(node)):
        return None
    held, first = node.get("widgets_values"), MODE_AT.get(node["type"])
    if isinstance(held, dict):
        return held.get(WIDGETS[0]), held.get(WIDGETS[1])
    values = [*held, None, None][first : first + 2] if isinstance(held, list) and first is not None else [None, None]
    return values[0], values[1] if len(values) > 1 else None


def _texts(node: Node) -> Iterator[object]:
    """The class of a node and the values of its widgets."""
    held = node.get("widgets_values")
    yield node["type"]
    yield from held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
