"""The form of a graph that ComfyUI's page opens: the workflow itself in version 0.4, its subgraph in version 1.

Nodes, links and reroutes have ids that differ in both, because some pages renumber the ones that two graphs share.
"""

import uuid

from level_form import LevelForm
from subgraph import END, NAMES, START

LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
PAD, SLOT, LETTER = 10, 20, 7  # pixels of the borders: round their slots, a slot's height, a letter of its name


def page_form(graph):
    """What the page opens and saves, of a ``Graph``."""
    inner = graph.inner
    inner.start.size, inner.end.size = _border(inner.start.outputs), _border(inner.node.outputs)
    outer = LevelForm(graph.files, graph.outer)
    node = next(one for one in outer.nodes if one["id"] == inner.node.number)
    node.update(properties={}, widgets_values=[])  # what its widgets hold the page takes from those inside
    inside = LevelForm(graph.files, inner, (inner.start, inner.end), len(outer.links), len(outer.reroutes))
    counts = {
        "lastNodeId": max(node["id"] for node in outer.nodes + inside.nodes),
        "lastLinkId": len(outer.links) + len(inside.links),
        "lastRerouteId": len(outer.reroutes) + len(inside.reroutes),
    }
    extra = {}
    if outer.reroutes:
        ends = [{"id": link, "parentId": reroute} for link, reroute in outer.ends.items()]
        extra = {"reroutes": outer.reroutes, "linkExtensions": ends}
    return {
        "last_node_id": counts["lastNodeId"],
        "last_link_id": counts["lastLinkId"],
        "nodes": outer.nodes,
        "links": outer.links,
        "groups": outer.groups,
        "definitions": {"subgraphs": [_definition(inner, inside, counts)]},
        "config": {},
        "extra": extra,
        "version": 0.4,
    }


def _border(slots):
    """Width and height of a border, which has one more slot than it shows."""
    wide = SLOT + LETTER * max(len(slot["name"]) for slot in slots)
    return [max(100, wide) + 2 * PAD, (len(slots) + 1) * SLOT + 2 * PAD]


def _definition(inner, form, counts):
    """The subgraph as the workflow holds it."""
    links = [dict(zip(LINK, link, strict=True)) for link in form.links]
    for link in links:
        if link["id"] in form.ends:
            link["parentId"] = form.ends[link["id"]]
    start, end = inner.start, inner.end
    entering = {"x": start.pos[0] + start.size[0] - 2 * PAD, "y": start.pos[1] + 2 * PAD}
    leaving = {"x": end.pos[0] + 2 * PAD, "y": end.pos[1] + 2 * PAD}
    return {
        "id": inner.id,
        "version": 1,
        "state": {"lastGroupId": len(form.groups), **counts},
        "revision": 0,
        "config": {},
        "name": inner.name,
        "inputNode": {"id": START, "bounding": [*start.pos, *start.size]},
        "outputNode": {"id": END, "bounding": [*end.pos, *end.size]},
        "inputs": _slots(inner, start.outputs, links, ("origin", START), entering),
        "outputs": _slots(inner, inner.node.outputs, links, ("target", END), leaving),
        "widgets": [],
        "nodes": form.nodes,
        "groups": form.groups,
        "links": links,
        "reroutes": form.reroutes,
        "extra": {},
    }


def _slots(inner, slots, links, border, first):
    """The inputs or outputs of the subgraph.

    ``border`` is the end that links have there, and its id; ``first`` is the place of the first slot.
    """
    end, number = border
    return [
        {
            "id": str(uuid.uuid5(NAMES, f"{inner.name} {end} {at}")),
            "name": slot["name"],
            "type": slot["type"],
            "linkIds": [link["id"] for link in links if (link[f"{end}_id"], link[f"{end}_slot"]) == (number, at)],
            "pos": [first["x"], first["y"] + at * SLOT],
        }
        for at, slot in enumerate(slots)
    ]
