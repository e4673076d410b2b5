"""What nodes and groups in UI format cover, as ``(left, top, width, height)`` in pixels of the canvas."""

from typing import Any

Box = tuple[float, float, float, float]

FARTHEST = 1e9  # pixels
TITLE = 30  # the height of a node's title, which is above its position
COLLAPSED = (160, 0)  # the largest size of a collapsed node, without its title
UNKNOWN = (0, -TITLE, 270, 262 + TITLE)  # for a node whose place the file does not say; the size is a KSampler's


def node_box(node: dict[str, Any]) -> Box | None:
    """What a node covers with its title, or None if the file does not say."""
    pos, size = (_pair(node.get(key)) for key in ("pos", "size"))
    if not pos:
        return None
    width, height = size or UNKNOWN[2:]
    if (node.get("flags") or {}).get("collapsed"):
        width, height = min(width, COLLAPSED[0]), COLLAPSED[1]
    return pos[0], pos[1] - TITLE, width, height + TITLE


def _pair(value: object) -> tuple[float, float] | None:
    """Two numbers, which some files hold as ``{"0": x, "1": y}``; None for anything else."""
    value = [value.get("0"), value.get("1")] if isinstance(value, dict) else value
    if isinstance(value, list) and len(value) >= 2 and all(map(_is_place, value[:2])):
        return value[0], value[1]
    return None


def _is_place(value: object) -> bool:
    """Is it a number of pixels, not so large that arithmetic with it fails? NaN and infinity are none."""
    return isinstance(value, int | float) and -FARTHEST < value < FARTHEST


def bounding(thing: object) -> Box | None:
    """What a group, or the border of a subgraph, covers; None if the file does not say."""
    value = thing.get("bounding") if isinstance(thing, dict) else None
    if isinstance(value, list) and len(value) == 4 and all(map(_is_place, value)):
        return value[0], value[1], value[2], value[3]
    return None


def meet(a: Box, b: Box, gap: float = 0) -> bool:
    """Do they overlap, or come closer than ``gap`` pixels?"""
    return (
        a[0] < b[0] + b[2] + gap and b[0] < a[0] + a[2] + gap and a[1] < b[1] + b[3] + gap and b[1] < a[1] + a[3] + gap
    )


def holds(group: Box, box: Box) -> bool:
    """Is the centre of ``box`` in ``group``? That is how ComfyUI tells which nodes belong to a group."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return group[0] <= x < group[0] + group[2] and group[1] <= y < group[1] + group[3]
