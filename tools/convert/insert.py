"""A FSampler (model) node put into a MODEL link in UI format, and taken out again.

The link that was there keeps its id, its start and its reroutes and now ends at the new node; a new link goes on to the
sampler. So nothing at the source changes, which may be a subgraph's input.
"""

from collections.abc import Sequence
from typing import Any

from .boxes import Box
from .ids import Ids, count, uncount
from .known import MARK, MODEL_NODE
from .place import Canvas
from .ui import INPUT, OUTPUT, Graph, Link, Node, get, inputs, outputs

SIZE = (240, 102)  # the height is the least that the frontend gives the node


def insert(
    graphs: list[Graph], graph: Graph, canvas: Canvas, ids: Ids, node: Node, slot: int, values: list[str]
) -> Node:
    """Put a node with these widget values before the input ``slot`` of ``node``, and return it.

    It is muted or bypassed if ``node`` is. ``graphs`` are all of the workflow, ``graph`` the one that holds ``node``,
    and ``canvas`` what is on it.
    """
    socket = inputs(node)[slot]
    old, (number, new) = socket["link"], ids.take()
    ends = {field: get(graph.links[old], field) for field in ("target_id", "target_slot")}
    position, grown, collapsed = canvas.free_place(node, SIZE)
    mark = {
        "link": new,
        "counters": count(_counted(graphs, graph), number, new),
        "groups": [_grow(graph.form["groups"][index], index, bounding) for index, bounding in grown],
    }
    if ends != {"target_id": node["id"], "target_slot": slot}:  # the file's link and slot disagree
        mark["ends"] = ends
    form = {
        "id": number,
        "type": MODEL_NODE,
        "pos": position,
        "size": list(SIZE),
        "flags": {"collapsed": True} if collapsed else {},
        "order": node.get("order", 0),
        "mode": node.get("mode", 0),
        "inputs": [
            {"name": "model", "type": "MODEL", "link": socket["link"]},
            {"name": "settings", "type": "FSAMPLER_SETTINGS", "shape": 7, "link": None},
        ],
        "outputs": [
            {"name": "model", "type": "MODEL", "links": [new]},
            {"name": "report", "type": "FSAMPLER_REPORT", "links": None},
        ],
        "properties": {"Node name for S&R": MODEL_NODE, MARK: mark},
        "widgets_values": values,
        "color": "#223",
        "bgcolor": "#335",
    }
    graph.form["nodes"].append(form)
    graph.nodes[number] = form
    graph.add_link(new, number, 0, node["id"], slot, "MODEL")
    graph.put(old, {"target_id": number, "target_slot": 0})
    socket["link"] = new
    return form


def remove(graphs: list[Graph], graph: Graph, node: Node) -> None:
    """Undo ``insert``; whatever else takes the model from the node by now gets it from the node's source."""
    mark = node["properties"][MARK]
    old = next(
        (one.get("link") for one in inputs(node) if one.get("name") == "model" and one.get("link") in graph.links), None
    )
    leaving = graph.leaving(node["id"])
    models = [number for number in leaving if get(graph.links[number], "origin_slot") == 0]
    straight = mark.get("link") if mark.get("link") in models else next(iter(models), None)
    for number in leaving:
        link = graph.links[number]
        if old is not None and number == straight:
            ends = {field: get(link, field) for field in ("target_id", "target_slot")}
            graph.put(old, mark["ends"] if "ends" in mark and number == mark.get("link") else ends)
            _relink(graph, link, old)
        elif old is not None and number in models:
            graph.put(number, {field: get(graph.links[old], field) for field in ("origin_id", "origin_slot")})
            _leave_from_source(graph, link)
            continue
        else:
            _relink(graph, link, None)
        graph.drop_link(number)
    settings = [one.get("link") for one in inputs(node) if one.get("name") != "model" and one.get("link") is not None]
    for number in settings if straight is not None or old is None else [*settings, old]:
        unlink_source(graph, number)
    graph.drop_node(node)
    uncount(_counted(graphs, graph), node["id"], mark.get("link"), mark.get("counters") or [])
    groups = graph.form.get("groups") or []
    for index, before, after in mark.get("groups") or []:
        if index < len(groups) and groups[index].get("bounding") == after:
            groups[index]["bounding"] = before


def unlink_source(graph: Graph, number: int | None) -> None:
    """Drop a link, also from the list of links that its source keeps."""
    link = graph.links.get(number)
    if link is not None:
        for key, slot in _source_slots(graph, link):
            slot[key] = [other for other in slot.get(key) or [] if other != number]
        graph.drop_link(number)


def _counted(graphs: list[Graph], graph: Graph) -> list[Graph]:
    """The graphs whose counters of ids change: the top one, and the one that gets the node."""
    return list(dict.fromkeys((graphs[0], graph)))


def _grow(group: dict[str, Any], index: int, bounding: Box) -> list[Any]:
    """Give a group another size; ``[index, size before, size after]``, for the mark."""
    before, group["bounding"] = group["bounding"], list(bounding)
    return [index, before, list(bounding)]


def _relink(graph: Graph, link: Link, number: int | None) -> None:
    """At the end of a link, put another link's number (None: no link) in place of its own."""
    own = get(link, "id")
    if get(link, "target_id") == OUTPUT:
        for slot in graph.form.get("outputs") or []:
            numbers = [number if one == own else one for one in slot.get("linkIds") or []]
            slot["linkIds"] = [one for one in numbers if one is not None]
        return
    for slot in inputs(graph.nodes.get(get(link, "target_id"), {})):
        if slot.get("link") == own:
            slot["link"] = number


def _leave_from_source(graph: Graph, link: Link) -> None:
    """Add a link to the list of links that its source keeps."""
    for key, slot in _source_slots(graph, link):
        slot[key] = [*(slot.get(key) or []), get(link, "id")]


def _source_slots(graph: Graph, link: Link) -> Sequence[tuple[str, dict[str, Any]]]:
    """``(key, slot)`` of the slot a link leaves from, where ``slot[key]`` lists its links; nothing if there is none."""
    origin, index = get(link, "origin_id"), get(link, "origin_slot")
    inside = origin == INPUT
    slots = graph.form.get("inputs") or [] if inside else outputs(graph.nodes.get(origin, {}))
    return (
        [("linkIds" if inside else "links", slots[index])] if isinstance(index, int) and 0 <= index < len(slots) else []
    )
