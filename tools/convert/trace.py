"""Where the value on a link comes from: back through reroutes, patches and the borders of subgraphs."""

from collections.abc import Iterator, Sequence
from typing import Any

from .ui import INPUT, OUTPUT, Graph, Node, get, inputs, outputs

ANY = ("*", "", None)  # types of inputs that take any value


class Tracer:
    """Walks back through all graphs of a workflow."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self.subgraphs = {graph.id: graph for graph in graphs if graph.name is not None}
        self.instances: dict[str, list[tuple[Graph, Node]]] = {}  # by the id of the subgraph
        for graph in graphs:
            for node in graph.nodes.values():
                if node["type"] in self.subgraphs:
                    self.instances.setdefault(node["type"], []).append((graph, node))

    def ancestors(self, graph: Graph, link_id: Any, kind: str) -> Iterator[Node]:
        """Yield the nodes that a value of this type passes on its way to the link, the nearest first."""
        todo, seen = [(graph, link_id)], set[tuple[int, Any]]()
        while todo:
            graph, link_id = todo.pop(0)
            source = None if link_id is None else graph.source(link_id)
            if source is None or (id(graph), link_id) in seen:
                continue
            seen.add((id(graph), link_id))
            origin, slot = source
            if origin == INPUT:
                todo += self._outside(graph, slot)
                continue
            node = graph.nodes[origin]
            if node["type"] in self.subgraphs:
                todo += self._inside(node, slot)
                continue
            yield node
            todo += [(graph, one.get("link")) for one in inputs(node) if one.get("type") in (kind, *ANY)]

    def _outside(self, graph: Graph, slot: object) -> Iterator[tuple[Graph, Any]]:
        """``(graph, link)`` of the links into an input of a subgraph, on every node that is an instance of it."""
        slots = graph.form.get("inputs") or []
        name = slots[slot].get("name") if isinstance(slot, int) and slot < len(slots) else None
        for outer, node in self.instances.get(graph.id, []):
            for one in inputs(node):
                if one.get("name") == name:
                    yield outer, one.get("link")

    def _inside(self, node: Node, slot: object) -> Iterator[tuple[Graph, Any]]:
        """``(graph, link)`` of the links, within a subgraph, to the output that leaves at ``slot`` of its instance."""
        graph = self.subgraphs[node["type"]]
        name = outputs(node)[slot].get("name") if isinstance(slot, int) and slot < len(outputs(node)) else None
        names = [one.get("name") for one in graph.form.get("outputs") or []]
        for link_id, link in graph.links.items():
            if get(link, "target_id") == OUTPUT and get(link, "target_slot") < len(names):
                if names[get(link, "target_slot")] == name:
                    yield graph, link_id
