"""Is a graph in UI format built as ComfyUI builds it, as far as the conversion looks at it?"""

from collections.abc import Callable
from typing import Any

from .known import MARK


def check(form: dict[str, Any], where: str, fields: tuple[str, ...]) -> None:
    """Raise ValueError that names the first part of a graph that is not as expected.

    ``where`` is what the error calls the graph; ``fields`` are those of a link, in the order of its array form.
    """
    for key in ("nodes", "links", "groups"):
        if not isinstance(form.get(key, None if key == "nodes" else []), list):
            raise ValueError(f"{key} of {where} is {_cut(form.get(key, 'missing'))}; expected a list")
    if not _is_id(form.get("id") or ""):
        raise ValueError(f"the id of {where} is {_cut(form['id'])}; expected a text")
    if not isinstance(form.get("extra") or {}, dict):
        raise ValueError(f"extra of {where} is {_cut(form['extra'])}; expected an object")
    for key in ("inputs", "outputs"):  # of a subgraph
        if not _are_slots(form.get(key), "linkIds", lambda links: links is None or _are_ids(links)):
            raise ValueError(f"{key} of {where} are {_cut(form[key])}; expected objects with name and linkIds")
    for node in form["nodes"]:
        if not _is_node(node):
            raise ValueError(f"{where} has the node {_cut(node)}; expected an object with id, type, inputs and outputs")
        mark = (node.get("properties") or {}).get(MARK)
        if mark is not None and not _is_mark(mark):
            raise ValueError(f"node {node['id']} of {where} has the mark {_cut(mark)}; expected what --revert needs")
    for link in form.get("links", []):
        if not _is_link(link, fields):
            raise ValueError(f"{where} has the link {_cut(link)}; expected {', '.join(fields)}")
    for group in form.get("groups", []):
        if not isinstance(group, dict):
            raise ValueError(f"{where} has the group {_cut(group)}; expected an object with title and bounding")


def _cut(value: object) -> str:
    return repr(str(value)[:80])


def _is_id(value: object) -> bool:
    return isinstance(value, int | str)


def _is_node(node: object) -> bool:
    if not isinstance(node, dict) or not _is_id(node.get("id")) or not isinstance(node.get("type"), str):
        return False
    if not all(isinstance(node.get(key) or {}, dict) for key in ("properties", "flags")):
        return False
    return _are_slots(node.get("inputs"), "link", lambda link: link is None or _is_id(link)) and _are_slots(
        node.get("outputs"), "links", lambda links: links is None or _are_ids(links)
    )


def _are_slots(slots: object, key: str, good: Callable[[object], bool]) -> bool:
    """A list of inputs or outputs (or none), where ``good`` is true of what each has under ``key``."""
    slots = [] if slots is None else slots
    return isinstance(slots, list) and all(isinstance(slot, dict) and good(slot.get(key)) for slot in slots)


def _are_ids(values: object) -> bool:
    return isinstance(values, list) and all(map(_is_id, values))


def _is_link(link: object, fields: tuple[str, ...]) -> bool:
    if isinstance(link, list):
        link = dict(zip(fields, link, strict=False))
    if not isinstance(link, dict) or not all(_is_id(link.get(field)) for field in ("id", "origin_id", "target_id")):
        return False
    return all(isinstance(link.get(field), int) for field in ("origin_slot", "target_slot"))


def _is_mark(mark: object) -> bool:
    """Does it hold what reverting reads, of the types that it needs?"""
    if not isinstance(mark, dict) or not isinstance(mark.get("type", ""), str) or not _is_id(mark.get("link", 0)):
        return False
    ends = mark.get("ends", {"target_id": 0, "target_slot": 0})
    if not isinstance(ends, dict) or set(ends) != {"target_id", "target_slot"}:
        return False
    if not _is_id(ends["target_id"]) or not isinstance(ends["target_slot"], int):
        return False
    counters, groups = mark.get("counters", []), mark.get("groups", [])
    if not isinstance(counters, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in counters):
        return False
    if not isinstance(groups, list) or not all(isinstance(one, list) and len(one) == 3 for one in groups):
        return False
    return all(isinstance(index, int) and index >= 0 for index, *_ in groups)
