"""A workflow in UI format as graphs: the workflow itself and each of its subgraphs, with nodes and links by id.

Links are arrays at the top of version 0.4, objects in subgraphs and at the top of version 1. A link from a subgraph's
own input comes from node -10, one to its own output goes to node -20. Whatever else is in the file stays as it is.
"""

from collections.abc import Mapping
from typing import Any

from .check import check
from .outcome import name_of

Node = dict[str, Any]
Link = dict[str, Any] | list[Any]
FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
INPUT, OUTPUT = -10, -20


def get(link: Link, field: str) -> Any:
    """A field of a link, by one of the names in ``FIELDS``."""
    return link[field] if isinstance(link, dict) else link[FIELDS.index(field)]


def label(node: Node) -> str:
    """What to call a node in a message: its class and id, and the title if it says more."""
    return name_of(node["type"], node["id"], node.get("title"))


class Graph:
    """The workflow itself, or a subgraph of that name. ``form`` is its part of the file, changed in place.

    Raises ValueError for a part that is not built as ComfyUI builds it.
    """

    def __init__(self, form: dict[str, Any], name: str | None = None) -> None:
        self.form, self.name = form, name
        self.id: Any = form.get("id") if name is not None else None
        where = f"subgraph {name!r}" if name is not None else "the workflow"
        check(form, where, FIELDS)
        self.nodes: dict[Any, Node] = {node["id"]: node for node in form["nodes"]}
        self.links: dict[Any, Link] = {get(link, "id"): link for link in form.get("links", [])}
        self.gone = set[int]()  # the id() of nodes and links that `settle` takes out of the file
        self._ends: tuple[dict[Any, dict[Any, None]], ...] = ({}, {})  # links by the node they leave, and they enter
        for number in self.links:
            self._enlist(number)

    @property
    def place(self) -> str:
        """What a message says about where a node is: nothing for the workflow itself."""
        return f" in subgraph {self.name!r}" if self.name is not None else ""

    @property
    def counters(self) -> tuple[dict[str, Any], str, str]:
        """The dict that counts ids, and its keys of the last node id and the last link id."""
        if isinstance(self.form.get("state"), dict):
            return self.form["state"], "lastNodeId", "lastLinkId"
        return self.form, "last_node_id", "last_link_id"

    def source(self, link_id: Any) -> tuple[Any, Any] | None:
        """``(node id, slot)`` where a link comes from, or None if there is no such link or no node at its start."""
        link = self.links.get(link_id)
        if link is None:
            return None
        origin = get(link, "origin_id")
        return (origin, get(link, "origin_slot")) if origin == INPUT or origin in self.nodes else None

    def leaving(self, node_id: Any) -> list[Any]:
        """The ids of the links that leave a node (or a border of a subgraph), in their order."""
        return list(self._ends[0].get(node_id, ()))

    def entering(self, node_id: Any) -> list[Any]:
        """The ids of the links that end at a node."""
        return list(self._ends[1].get(node_id, ()))

    def add_link(self, link_id: int, origin: int, origin_slot: int, target: Any, target_slot: int, kind: str) -> None:
        """Add a link in the form of those that are there; the slots at its ends do not know of it yet."""
        values = (link_id, origin, origin_slot, target, target_slot, kind)
        like = self.form["links"][0]  # there is one: a new link continues another
        link: Link = dict(zip(FIELDS, values, strict=True)) if isinstance(like, dict) else list(values)
        self.form["links"].append(link)
        self.links[link_id] = link
        self._enlist(link_id)

    def put(self, link_id: Any, values: Mapping[str, Any]) -> None:
        """Set fields of a link, by their names in ``FIELDS``."""
        self._delist(link_id)
        link = self.links[link_id]
        for field, value in values.items():
            if isinstance(link, dict):
                link[field] = value
            else:
                link[FIELDS.index(field)] = value
        self._enlist(link_id)

    def drop_link(self, link_id: Any) -> None:
        """Remove a link, if there is one; the slots at its ends keep its number. See ``settle``."""
        if link_id in self.links:
            self._delist(link_id)
            self.gone.add(id(self.links.pop(link_id)))

    def drop_node(self, node: Node) -> None:
        """Remove a node, but not its links. ``settle`` takes it out of the file."""
        del self.nodes[node["id"]]
        self.gone.add(id(node))

    def settle(self) -> None:
        """Take what was dropped out of the file, all at once."""
        for key in ("nodes", "links"):
            if any(id(one) in self.gone for one in self.form.get(key, [])):
                self.form[key] = [one for one in self.form[key] if id(one) not in self.gone]

    def _enlist(self, number: Any) -> None:
        for ends, field in zip(self._ends, ("origin_id", "target_id"), strict=True):
            ends.setdefault(get(self.links[number], field), {})[number] = None

    def _delist(self, number: Any) -> None:
        for ends, field in zip(self._ends, ("origin_id", "target_id"), strict=True):
            del ends[get(self.links[number], field)][number]


def graphs(workflow: dict[str, Any]) -> list[Graph]:
    """Every ``Graph`` of a workflow, the workflow itself first. Raises ValueError as ``Graph`` does."""
    found = [Graph(workflow)]
    for graph in found:
        definitions = graph.form.get("definitions")
        inner = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        for form in inner if isinstance(inner, list) else []:
            if not isinstance(form, dict):
                raise ValueError(f"a subgraph is {str(form)[:80]!r}; expected an object with nodes and links")
            found.append(Graph(form, str(form.get("name", form.get("id", "")))))
    return found


def inputs(node: Node) -> list[dict[str, Any]]:
    """The inputs of a node, none if it has no list of them."""
    return node.get("inputs") or []


def outputs(node: Node) -> list[dict[str, Any]]:
    """The outputs of a node, none if it has no list of them."""
    return node.get("outputs") or []
