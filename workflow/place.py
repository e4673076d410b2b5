"""Where a new node goes: to the left of or above the one it belongs to, on free ground and in the same groups.

A group of ComfyUI has no list of members: a node belongs to it if its centre lies inside. So a group without room grows
towards the new node, unless it would swallow another node or touch another group.
"""

import functools
from numbers import Real

TITLE, GAP, STEP, FAR = 30, 20, 20, 1200  # pixels: a node's title is above its position
DETOUR = 400  # pixels that a place inside the groups may be farther than one they must grow for
UNKNOWN = (0, -TITLE, 270, 262 + TITLE)


def free_place(graph, node, size):
    """``(position, grown)`` for a node of this size; ``grown`` are the ``(index, bounding)`` of groups that grow."""
    form = graph.form
    box = _node_box(node) or UNKNOWN
    boxes = [one for one in map(_node_box, form["nodes"]) if one]
    boxes += [_bounding(form.get(border)) for border in ("inputNode", "outputNode") if _bounding(form.get(border))]
    reach = (box[0] - 2 * FAR, box[1] - 2 * FAR, 4 * FAR, 4 * FAR)
    boxes = [one for one in boxes if _meet(one, reach)]
    groups = form.get("groups") if isinstance(form.get("groups"), list) else []
    groups = {index: _bounding(group) for index, group in enumerate(groups) if _bounding(group)}
    own = {index: group for index, group in groups.items() if _holds(group, box)}
    foreign = [group for index, group in groups.items() if index not in own]
    second = third = None
    for cost, dx, dy in _offsets(*size):
        if second and cost > second[0] + DETOUR:
            break
        spot = (box[0] + dx, box[1] + dy, size[0], size[1] + TITLE)
        if any(_meet(spot, one, GAP) for one in boxes):
            continue
        third = third or spot
        if any(_meet(spot, group) for group in foreign):
            continue
        grown = {index: _around(group, spot) for index, group in own.items()}
        if all(grown[index] == group for index, group in own.items()):
            return _position(spot), []
        if not second and not _swallows(own, grown, boxes, foreign):
            second = (cost, spot, [(index, group) for index, group in grown.items() if group != own[index]])
    if second:
        return _position(second[1]), second[2]
    return _position(third or (box[0] - size[0] - GAP, box[1], *size)), []


def _position(spot):
    return [spot[0], spot[1] + TITLE]


@functools.cache
def _offsets(width, height):
    """``(cost, dx, dy)`` from a node's corner to the new one's, the nearest to "beside it on the left" first."""
    left, up = -width - GAP, -height - TITLE - GAP
    beside = [(dx, dy) for dx in range(left, left - FAR, -STEP) for dy in range(-FAR, FAR, STEP)]
    above = [(dx, dy) for dx in range(left + STEP, STEP, STEP) for dy in range(up, -FAR, -STEP)]
    return sorted((left - dx + abs(dy) + max(dy, 0) if dx <= left else dx - left - dy, dx, dy)
                  for dx, dy in beside + above)  # fmt: skip


def _node_box(node):
    """x, y, width and height of a node with its title, or None if the file does not say."""
    pos, size = (_pair(node.get(key)) for key in ("pos", "size"))
    if not pos:
        return None
    width, height = size or UNKNOWN[2:]
    if (node.get("flags") or {}).get("collapsed"):
        width, height = min(width, 160), 0
    return pos[0], pos[1] - TITLE, width, height + TITLE


def _pair(value):
    """Two numbers, which some files hold as ``{"0": x, "1": y}``."""
    value = [value.get("0"), value.get("1")] if isinstance(value, dict) else value
    good = isinstance(value, list) and len(value) >= 2 and all(isinstance(one, Real) for one in value[:2])
    return value[:2] if good else None


def _bounding(thing):
    value = thing.get("bounding") if isinstance(thing, dict) else None
    good = isinstance(value, list) and len(value) == 4 and all(isinstance(one, Real) for one in value)
    return tuple(value) if good else None


def _meet(a, b, gap=0):
    return (
        a[0] < b[0] + b[2] + gap and b[0] < a[0] + a[2] + gap
        and a[1] < b[1] + b[3] + gap and b[1] < a[1] + a[3] + gap
    )  # fmt: skip


def _holds(group, box):
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return group[0] <= x < group[0] + group[2] and group[1] <= y < group[1] + group[3]


def _around(group, spot):
    """The group's bounding, large enough for the spot with a margin (the group's own title is in its top ``TITLE``)."""
    left, top = min(group[0], spot[0] - GAP / 2), min(group[1], spot[1] - TITLE - GAP / 2)
    right = max(group[0] + group[2], spot[0] + spot[2] + GAP / 2)
    bottom = max(group[1] + group[3], spot[1] + spot[3] + GAP / 2)
    grown = (left, top, right - left, bottom - top)
    return group if _holds_all(group, grown) else grown


def _holds_all(group, grown):
    return grown[0] >= group[0] and grown[1] >= group[1] and grown[2] <= group[2] and grown[3] <= group[3]


def _swallows(own, grown, boxes, foreign):
    for index, group in own.items():
        if any(_holds(grown[index], box) and not _holds(group, box) for box in boxes):
            return True
        if any(_meet(grown[index], other) and not _meet(group, other) for other in foreign):
            return True
    return False
