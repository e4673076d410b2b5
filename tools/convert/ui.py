"""A workflow in UI format as graphs: the workflow itself and each of its subgraphs, with nodes and links by id.

Links are arrays at the top of version 0.4, objects in subgraphs and at the top of version 1. A link from a subgraph's
own input comes from node -10, one to its own output goes to node -20. Everything not asked for stays as it is.
"""

from .check import check

FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
INPUT, OUTPUT = -10, -20


def get(link, field):
    return link[field] if isinstance(link, dict) else link[FIELDS.index(field)]


def put(link, **values):
    for field, value in values.items():
        link[field if isinstance(link, dict) else FIELDS.index(field)] = value


def label(node):
    """What to call a node in a message: its type and id, and the title if it says more."""
    title = node.get("title")
    return f"{node['type']} {node['id']}" + (f" {title!r}" if title and title != node["type"] else "")


class Graph:
    """One canvas. ``form`` is its part of the workflow, changed in place; ``counters`` holds its highest ids."""

    def __init__(self, form, name=None):
        self.form, self.name = form, name
        self.id = form.get("id") if name is not None else None
        where = f"subgraph {name!r}" if name is not None else "the workflow"
        check(form, where, FIELDS)
        self.nodes = {node["id"]: node for node in form.get("nodes", [])}
        self.links = {get(link, "id"): link for link in form.get("links", [])}

    @property
    def place(self):
        return f" in subgraph {self.name!r}" if self.name is not None else ""

    @property
    def counters(self):
        """The dict and the two keys that hold the last node id and the last link id."""
        if isinstance(self.form.get("state"), dict):
            return self.form["state"], "lastNodeId", "lastLinkId"
        return self.form, "last_node_id", "last_link_id"

    def source(self, link_id):
        """``(node id, slot)`` where a link comes from, or None if there is no such link or no node at its start."""
        link = self.links.get(link_id)
        origin = None if link is None else get(link, "origin_id")
        return (origin, get(link, "origin_slot")) if origin == INPUT or origin in self.nodes else None

    def add_link(self, link_id, origin, origin_slot, target, target_slot, kind):
        values = (link_id, origin, origin_slot, target, target_slot, kind)
        like = self.form["links"][0]  # there is one: a new link continues another
        link = dict(zip(FIELDS, values, strict=True)) if isinstance(like, dict) else list(values)
        self.form["links"].append(link)
        self.links[link_id] = link

    def drop_link(self, link_id):
        link = self.links.pop(link_id, None)
        if link is not None:
            self.form["links"] = [other for other in self.form["links"] if other is not link]


def graphs(workflow):
    """Every ``Graph`` of a workflow, the top one first."""
    found = [Graph(workflow)]
    for graph in found:
        definitions = graph.form.get("definitions")
        inner = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        for form in inner if isinstance(inner, list) else []:
            if not isinstance(form, dict):
                raise ValueError(f"a subgraph is {str(form)[:80]!r}; expected an object with nodes and links")
            found.append(Graph(form, str(form.get("name", form.get("id", "")))))
    return found


def inputs(node):
    return node.get("inputs") or []


def outputs(node):
    return node.get("outputs") or []
