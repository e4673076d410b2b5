"""A KSampler of the core becomes ours in UI format, and back: the same node with two more widget values and an output.

The property "Node name for S&R" stays, since file name prefixes like ``%KSampler.seed%`` refer to it.
"""

from typing import Any

from .insert import unlink_source
from .known import KSAMPLERS, MARK
from .ui import Graph, Node, get, inputs, outputs
from .widgets import WIDGETS

FOREIGN = ("cnr_id", "ver")  # say which pack a node is from
SETTINGS = {"name": "settings", "type": "FSAMPLER_SETTINGS", "shape": 7, "link": None}
REPORT = {"name": "report", "type": "FSAMPLER_REPORT", "links": None}


def replaceable(node: Node) -> bool:
    """Is it a KSampler with the slots and the number of widget values that the core's has?"""
    if node["type"] not in KSAMPLERS or len(outputs(node)) != 1 or not isinstance(node.get("inputs"), list):
        return False
    values = node.get("widgets_values")
    return isinstance(values, dict) or isinstance(values, list) and len(values) == KSAMPLERS[node["type"]][1]


def replace(graph: Graph, node: Node, values: list[str]) -> None:
    """Make a ``replaceable`` node ours, with these values of mode and custom_mode."""
    had = "properties" in node
    mark: dict[str, Any] = {"type": node["type"]} | ({"properties": node["properties"]} if had else {})
    _modernise(node, mark)
    node["type"] = KSAMPLERS[node["type"]][0]
    kept = {key: value for key, value in (node.get("properties") or {}).items() if key not in FOREIGN}
    node["properties"] = kept | {MARK: mark}
    slots = node["inputs"]
    at = next((index for index, slot in enumerate(slots) if slot.get("widget")), len(slots))
    _shift(graph, node, at, 1)
    slots.insert(at, dict(SETTINGS))
    node["outputs"].append(dict(REPORT))
    _write(node, values, len(node["widgets_values"]))


def restore(graph: Graph, node: Node) -> None:
    """Undo ``replace``; the other widget values keep what the user has set since."""
    mark = node["properties"][MARK]
    node["type"] = mark["type"]
    for slot in [slot for slot in inputs(node) if slot.get("name") in ("settings", *WIDGETS)]:
        if slot.get("link") is not None:
            unlink_source(graph, slot["link"])
        at = next(index for index, other in enumerate(node["inputs"]) if other is slot)
        del node["inputs"][at]
        _shift(graph, node, at, -1)
    for number in graph.leaving(node["id"]):
        if get(graph.links[number], "origin_slot") == 1:  # the report
            for slot in inputs(graph.nodes.get(get(graph.links[number], "target_id"), {})):
                if slot.get("link") == number:
                    slot["link"] = None
            graph.drop_link(number)
    node["outputs"] = outputs(node)[:1]
    if "properties" in mark:
        node["properties"] = mark["properties"]
    else:
        del node["properties"]
    for values in (node.get("widgets_values"), node.get("widgets_values_named")):
        if isinstance(values, dict):
            for name in WIDGETS:
                values.pop(name, None)
        elif isinstance(values, list):
            _, count, control = KSAMPLERS[node["type"]]
            del values[count:]
            if "control" in mark and values[control : control + 1] == [_control(mark["control"])]:
                values[control] = mark["control"]


def set_values(node: Node, values: list[str]) -> bool:
    """Set mode and custom_mode of a node that is ours already; False if it has these values already."""
    first = next((count for ours, count, _ in KSAMPLERS.values() if ours == node["type"]), 0)
    old = node.get("widgets_values")
    if isinstance(old, dict) and all(old.get(name) == value for name, value in zip(WIDGETS, values, strict=True)):
        return False
    if isinstance(old, list) and old[first : first + 2] == values:
        return False
    _write(node, values, first)
    return True


def _modernise(node: Node, mark: dict[str, Any]) -> None:
    """Turn a control_after_generate that is true or false, as in old files, into today's word; ``mark`` keeps it.

    The page understands the old form only in nodes of the core.
    """
    values, (_, _, control) = node["widgets_values"], KSAMPLERS[node["type"]]
    if isinstance(values, list) and isinstance(values[control], bool):
        mark["control"] = values[control]
        values[control] = _control(values[control])


def _control(value: bool) -> str:
    return "randomize" if value else "fixed"


def _write(node: Node, values: list[str], first: int) -> None:
    """Put the values of mode and custom_mode into the node's; in a list they have the places from ``first`` on."""
    for held in (node.get("widgets_values"), node.get("widgets_values_named")):
        if isinstance(held, dict):
            held.update(zip(WIDGETS, values, strict=True))
        elif isinstance(held, list):
            held[first : first + 2] = values


def _shift(graph: Graph, node: Node, at: int, by: int) -> None:
    """Move the ends of the links into a node by so many inputs, from the input ``at`` on."""
    for number in graph.entering(node["id"]):
        slot = get(graph.links[number], "target_slot")
        if slot >= at:
            graph.put(number, {"target_slot": slot + by})
