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


def put(link: Link, values: Mapping[str, Any]) -> None:
    """Set fields of a link, by their names in ``FIELDS``."""
    for field, value in values.items():
        if isinstance(link, dict):
            link[field] = value
        else:
            link[FIELDS.index(field)] = value


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
        self.nodes: dict[Any, Node] = {node["id"]: node for node in form.get("nodes", [])}
        self.links: dict[Any, Link] = {get(link, "id"): link for link in form.get("links", [])}

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

    def add_link(self, link_id: int, origin: int, origin_slot: int, target: Any, target_slot: int, kind: str) -> None:
        """Add a link in the form of those that are there; the slots at its ends do not know of it yet."""
        values = (link_id, origin, origin_slot, target, target_slot, kind)
        like = self.form["links"][0]  # there is one: a new link continues another
        link: Link = dict(zip(FIELDS, values, strict=True)) if isinstance(like, dict) else list(values)
        self.form["links"].append(link)
        self.links[link_id] = link

    def drop_link(self, link_id: Any) -> None:
        """Remove a link, if there is one; the slots at its ends keep its number."""
        link = self.links.pop(link_id, None)
        if link is not None:
            self.form["links"] = [other for other in self.form["links"] if other is not link]


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
