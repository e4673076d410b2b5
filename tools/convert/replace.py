"""A KSampler of the core becomes ours in UI format, and back: the same node with two more widget values and an output.

What filename prefixes like ``%KSampler.seed%`` look for, the property "Node name for S&R", stays.
"""

from .insert import unlink_source
from .known import KSAMPLERS, MARK
from .ui import get, inputs, outputs, put

ADDED = ("mode", "custom_mode")
FOREIGN = ("cnr_id", "ver")  # say which pack a node is from
SETTINGS = {"name": "settings", "type": "FSAMPLER_SETTINGS", "shape": 7, "link": None}
REPORT = {"name": "report", "type": "FSAMPLER_REPORT", "links": None}


def replaceable(node):
    """Is it a KSampler with the slots and the number of widget values that the core's has?"""
    if node["type"] not in KSAMPLERS or len(outputs(node)) != 1 or not isinstance(node.get("inputs"), list):
        return False
    values = node.get("widgets_values")
    return isinstance(values, dict) or isinstance(values, list) and len(values) == KSAMPLERS[node["type"]][1]


def replace(graph, node, values):
    """Make it ours with these values of mode and custom_mode."""
    had = "properties" in node
    mark = {"type": node["type"], "properties": node.get("properties")} if had else {"type": node["type"]}
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


def restore(graph, node):
    """Undo ``replace``; widget values that have changed since stay changed."""
    mark = node["properties"][MARK]
    node["type"] = mark["type"]
    for slot in [slot for slot in inputs(node) if slot.get("name") in ("settings", *ADDED)]:
        if slot.get("link") is not None:
            unlink_source(graph, slot["link"])
        at = next(index for index, other in enumerate(node["inputs"]) if other is slot)
        del node["inputs"][at]
        _shift(graph, node, at, -1)
    for number in [number for number, link in graph.links.items() if _is_report(link, node)]:
        for other in graph.nodes.values():
            for slot in inputs(other):
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
            for name in ADDED:
                values.pop(name, None)
        elif isinstance(values, list):
            _, count, control = KSAMPLERS[node["type"]]
            del values[count:]
            if "control" in mark and values[control : control + 1] == [_control(mark["control"])]:
                values[control] = mark["control"]


def set_values(node, values):
    """Other values of mode and custom_mode, on a node that is ours already; False if they are so already."""
    first = next((count for ours, count, _ in KSAMPLERS.values() if ours == node["type"]), 0)
    old = node.get("widgets_values")
    if isinstance(old, dict) and all(old.get(name) == value for name, value in zip(ADDED, values, strict=True)):
        return False
    if isinstance(old, list) and old[first : first + 2] == values:
        return False
    _write(node, values, first)
    return True


def _modernise(node, mark):
    """Old files say control_after_generate as a truth value; the page understands that for the core's nodes only."""
    values, (_, _, control) = node["widgets_values"], KSAMPLERS[node["type"]]
    if isinstance(values, list) and isinstance(values[control], bool):
        mark["control"] = values[control]
        values[control] = _control(values[control])


def _control(value):
    return "randomize" if value else "fixed"


def _write(node, values, first):
    for held in (node.get("widgets_values"), node.get("widgets_values_named")):
        if isinstance(held, dict):
            held.update(zip(ADDED, values, strict=True))
        elif isinstance(held, list):
            held[first : first + 2] = values


def _shift(graph, node, at, by):
    """Move the ends of the links into a node from that input on."""
    for link in graph.links.values():
        if get(link, "target_id") == node["id"] and get(link, "target_slot") >= at:
            put(link, target_slot=get(link, "target_slot") + by)


def _is_report(link, node):
    return get(link, "origin_id") == node["id"] and get(link, "origin_slot") == 1
