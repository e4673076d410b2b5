"""Where the value on a link comes from and goes to: through reroutes, patches and the borders of subgraphs."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from .known import MODEL_NODE, SAMPLER_NODES
from .packs import CARRIERS
from .spread import Spread
from .ui import INPUT, OUTPUT, Graph, Node, get, inputs, outputs

ANY = ("*", "", None)  # types of inputs that take any value
CARRYING = {"MODEL": ("MODEL", *CARRIERS), "SAMPLER": ("SAMPLER",)}  # types of inputs through which a value passes
OURS = {"MODEL": {MODEL_NODE}, "SAMPLER": SAMPLER_NODES}  # which nodes make a value of that type one that skips
ASLEEP = (2, 4)  # the modes of nodes that are muted and bypassed
Place = tuple[int, Any]  # a link: which of the graphs, and the link's id


class Tracer:
    """Follows values through all graphs of a workflow.

    ``causes``: the classes of nodes that change a value of a type, such as those because of which it skips; ``awake``:
    of these, not the ones that are muted or bypassed.
    """

    def __init__(
        self, graphs: Sequence[Graph], causes: Mapping[str, Collection[str]] = OURS, awake: bool = False
    ) -> None:
        self.graphs, self.causes, self.awake = graphs, causes, awake
        self.number = {id(graph): number for number, graph in enumerate(graphs)}
        self.subgraphs = {graph.id: graph for graph in graphs if graph.name is not None}
        self.instances: dict[str, list[tuple[Graph, Node]]] = {}  # by the id of the subgraph
        self.takers: dict[Place, list[tuple[Node, dict[str, Any]]]] = {}  # nodes and slots that hold the link
        self.border: dict[
            tuple[int, int, Any], list[Any]
        ] = {}  # links at INPUT or OUTPUT of a graph, by the slot's name
        self.behind = {kind: Spread[Place, Node](_Behind(self, kind)) for kind in causes}
        for graph in graphs:
            self._read(graph)
        for graph in graphs:
            for node in graph.nodes.values():
                self.skips(graph, node)

    def _read(self, graph: Graph) -> None:
        for node in graph.nodes.values():
            if node["type"] in self.subgraphs:
                self.instances.setdefault(node["type"], []).append((graph, node))
            for slot in inputs(node):
                if slot.get("link") is not None:
                    self.takers.setdefault(self.place(graph, slot["link"]), []).append((node, slot))
        for side, key, end in ((INPUT, "inputs", "origin"), (OUTPUT, "outputs", "target")):
            names = [slot.get("name") for slot in graph.form.get(key) or []] if graph.name is not None else []
            for link_id, link in graph.links.items():
                at = get(link, f"{end}_slot")
                if get(link, f"{end}_id") == side and 0 <= at < len(names):
                    self.border.setdefault((self.number[id(graph)], side, _key(names[at])), []).append(link_id)

    def place(self, graph: Graph, link_id: Any) -> Place:
        """The ``Place`` of a link."""
        return self.number[id(graph)], link_id

    def skips(self, graph: Graph, node: Node) -> None:
        """Take note of a node, there already or new, that is a cause for what is behind it (if it is such a one)."""
        for kind in self.causes:
            if self.is_cause(node, kind):
                self.behind[kind].add((self.place(graph, one) for one in graph.leaving(node["id"])), node)

    def is_cause(self, node: Node, kind: str) -> bool:
        """Does this node change a value of this type?"""
        return node["type"] in self.causes[kind] and not (self.awake and node.get("mode") in ASLEEP)

    def because(self, graph: Graph, link_id: Any, kind: str) -> Node | None:
        """The cause that a value of this type has passed on its way to the link, or None."""
        return None if link_id is None else self.behind[kind].because.get(self.place(graph, link_id))

    def ancestors(self, graph: Graph, link_id: Any, kind: str) -> Iterator[Node]:
        """Yield the nodes that a value of this type passes on its way to the link, the nearest first."""
        todo, seen = deque([(graph, link_id)]), set[Place]()
        while todo:
            graph, link_id = todo.popleft()
            source = None if link_id is None else graph.source(link_id)
            if source is None or self.place(graph, link_id) in seen:
                continue
            seen.add(self.place(graph, link_id))
            origin, slot = source
            if origin == INPUT:
                todo.extend(self._outside(graph, slot))
                continue
            node = graph.nodes[origin]
            if node["type"] in self.subgraphs:
                todo.extend(self._inside(node, slot))
                continue
            yield node
            todo.extend((graph, one.get("link")) for one in inputs(node) if one.get("type") in (kind, *ANY))

    def _outside(self, graph: Graph, slot: int) -> Iterator[tuple[Graph, Any]]:
        """``(graph, link)`` of the links into an input of a subgraph, on every node that is an instance of it."""
        slots = graph.form.get("inputs") or []
        name = slots[slot].get("name") if 0 <= slot < len(slots) else None
        for outer, node in self.instances.get(graph.id, []):
            for one in inputs(node):
                if one.get("name") == name:
                    yield outer, one.get("link")

    def _inside(self, node: Node, slot: int) -> Iterator[tuple[Graph, Any]]:
        """``(graph, link)`` of the links, within a subgraph, to the output that leaves at ``slot`` of its instance."""
        graph = self.subgraphs[node["type"]]
        name = outputs(node)[slot].get("name") if 0 <= slot < len(outputs(node)) else None
        for link_id in self.border.get((self.number[id(graph)], OUTPUT, _key(name)), []):
            yield graph, link_id


class _Behind:
    """The links right behind one, for values of a type. Each node is passed once."""

    def __init__(self, tracer: Tracer, kind: str) -> None:
        self.tracer, self.kind, self.passed = tracer, kind, set[int]()

    def __call__(self, place: Place) -> Iterator[Place]:
        tracer, (number, link_id) = self.tracer, place
        graph = tracer.graphs[number]
        for node, slot in tracer.takers.get(place, []):
            if node["type"] in tracer.subgraphs:
                inner = tracer.number[id(tracer.subgraphs[node["type"]])]
                for one in tracer.border.get((inner, INPUT, _key(slot.get("name"))), []):
                    yield inner, one
            elif slot.get("type") in (*CARRYING[self.kind], *ANY) and not tracer.is_cause(node, self.kind):
                if id(node) not in self.passed:
                    self.passed.add(id(node))
                    yield from (tracer.place(graph, one) for one in graph.leaving(node["id"]))
        link = graph.links.get(link_id)
        if link is None or graph.name is None or get(link, "target_id") != OUTPUT:
            return
        ends, at = graph.form.get("outputs") or [], get(link, "target_slot")
        name = ends[at].get("name") if 0 <= at < len(ends) else None
        for outer, node in tracer.instances.get(graph.id, []):
            for one in outer.leaving(node["id"]):
                slot_at = get(outer.links[one], "origin_slot")
                if 0 <= slot_at < len(outputs(node)) and outputs(node)[slot_at].get("name") == name:
                    yield tracer.place(outer, one)


def _key(name: object) -> object:
    """A name as a key; a file may call a slot anything."""
    return name if isinstance(name, str | None) else repr(name)
