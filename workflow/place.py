"""Where a new node goes: to the left of or above the one it belongs to, on free ground and in the same groups.

A group of ComfyUI has no list of members: a node belongs to it if its centre lies inside. So a group without room grows
towards the new node, unless it would swallow another node or touch another group.
"""

import functools
from numbers import Real

TITLE, GAP, STEP, FAR = 30, 20, 20, 1200  # pixels: a node's title is above its position
DETOUR = 400  # pixels that a place inside the groups may be farther than one they must grow for
LAST = 600  # pixels that a place to the right or below counts as farther than it is
COLLAPSED = (160, 0)
UNKNOWN = (0, -TITLE, 270, 262 + TITLE)


def free_place(graph, node, size):
    """``(position, grown, collapsed)`` for a node of this size.

    ``grown`` are the ``(index, bounding)`` of groups that grow; ``collapsed``: there is room for its title only.
    """
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
    for shape, gap, strict in ((size, GAP, True), (size, GAP / 2, False), (COLLAPSED, GAP / 4, False)):
        found, anywhere = _search(box, shape, boxes, own, foreign, gap, strict)
        if found:
            return *found, shape == COLLAPSED
    return _position(anywhere or (box[0] - COLLAPSED[0] - GAP, box[1])), [], True


def _search(box, size, boxes, own, foreign, gap, strict):
    """The best place inside the groups or beside them, or None; and the first free one anywhere.

    If not ``strict``, a group may come to lie over the edge of another one.
    """
    best = best_cost = anywhere = None
    for cost, dx, dy in _offsets(*size):
        if best and cost > best_cost + DETOUR:
            break
        spot = (box[0] + dx, box[1] + dy, size[0], size[1] + TITLE)
        if any(_meet(spot, one, gap) for one in boxes):
            continue
        anywhere = anywhere or spot
        if any(_meet(spot, group) if strict else _holds(group, spot) for group in foreign):
            continue
        grown = {index: _around(group, spot) for index, group in own.items()}
        if grown == own:
            return (_position(spot), []), spot
        if best or _swallows(own, grown, boxes):
            continue
        if not strict or not _touches(own, grown, foreign):
            changed = [(index, group) for index, group in grown.items() if group != own[index]]
            best, best_cost = (_position(spot), changed), cost
    return best, anywhere


def _position(spot):
    return [spot[0], spot[1] + TITLE]


@functools.cache
def _offsets(width, height):
    """``(cost, dx, dy)`` from a node's corner to the new one's, the nearest to "beside it on the left" first.

    Left and above come before the rest, which is for groups that have room nowhere else.
    """
    left, up = -width - GAP, -height - TITLE - GAP

    def cost(dx, dy):
        if dx <= left:
            return left - dx + abs(dy) + max(dy, 0)
        return abs(dx - left) + abs(dy) + (0 if dx <= 0 and dy <= up else LAST)

    places = ((dx, dy) for dx in range(left - FAR, FAR, STEP) for dy in range(up - FAR, FAR, STEP))
    return sorted((cost(dx, dy), dx, dy) for dx, dy in places)


def _node_box(node):
    """x, y, width and height of a node with its title, or None if the file does not say."""
    pos, size = (_pair(node.get(key)) for key in ("pos", "size"))
    if not pos:
        return None
    width, height = size or UNKNOWN[2:]
    if (node.get("flags") or {}).get("collapsed"):
        width, height = min(width, COLLAPSED[0]), COLLAPSED[1]
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
    same = (left, top, right, bottom) == (group[0], group[1], group[0] + group[2], group[1] + group[3])
    return group if same else (left, top, right - left, bottom - top)


def _swallows(own, grown, boxes):
    """Would a node that is not in a group come into it?"""
    return any(_holds(grown[index], box) and not _holds(own[index], box) for index in own for box in boxes)


def _touches(own, grown, foreign):
    """Would a group come to overlap another one?"""
    return any(_meet(grown[index], other) and not _meet(own[index], other) for index in own for other in foreign)
