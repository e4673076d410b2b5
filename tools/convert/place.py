"""Where a new node goes: to the left of or above the one it belongs to, on free ground and in the same groups.

A group of ComfyUI has no list of members: a node belongs to it if its centre lies inside. So a group without room grows
towards the new node, unless it would swallow another node or touch another group.
"""

import functools
import math

from .boxes import COLLAPSED, TITLE, UNKNOWN, bounding, holds, meet, node_box

GAP, STEP, FAR = 20, 20, 1200  # pixels: between nodes, between the places tried, and the farthest one
DETOUR = 400  # pixels that a place inside the groups may be farther than one they must grow for
LAST = 600  # pixels that a place to the right or below counts as farther than it is


def free_place(graph, node, size):
    """``(position, grown, collapsed)`` for a node of this size.

    ``grown`` are the ``(index, bounding)`` of groups that grow; ``collapsed``: there is room for its title only.
    """
    form = graph.form
    box = node_box(node) or UNKNOWN
    boxes = [one for one in map(node_box, form["nodes"]) if one]
    boxes += [bounding(form.get(border)) for border in ("inputNode", "outputNode") if bounding(form.get(border))]
    reach = (box[0] - 2 * FAR, box[1] - 2 * FAR, 4 * FAR, 4 * FAR)
    boxes = [one for one in boxes if meet(one, reach)]
    groups = form.get("groups") if isinstance(form.get("groups"), list) else []
    groups = {index: bounding(group) for index, group in enumerate(groups) if bounding(group)}
    own = {index: group for index, group in groups.items() if holds(group, box)}
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
    blocked = _blocked(box, size, boxes, gap)
    strangers = {index: [one for one in boxes if not holds(group, one)] for index, group in own.items()}
    for cost, column, row in _offsets(*size):
        if best and cost > best_cost + DETOUR:
            break
        if blocked[row][column]:
            continue
        x, y = _first(*size)
        spot = (box[0] + x + column * STEP, box[1] + y + row * STEP, size[0], size[1] + TITLE)
        anywhere = anywhere or spot
        if any(meet(spot, group) if strict else holds(group, spot) for group in foreign):
            continue
        grown = {index: _around(group, spot) for index, group in own.items()}
        if grown == own:
            return (_position(spot), []), spot
        if best or _swallows(grown, strangers):
            continue
        if not strict or not _touches(own, grown, foreign):
            changed = [(index, group) for index, group in grown.items() if group != own[index]]
            best, best_cost = (_position(spot), changed), cost
    return best, anywhere


def _position(spot):
    return [spot[0], spot[1] + TITLE]


COLUMNS = ROWS = 2 * FAR // STEP


def _first(width, height):
    """The offset of the first column and row of places from a node's corner."""
    return -width - GAP - FAR, -height - TITLE - GAP - FAR


@functools.cache
def _offsets(width, height):
    """``(cost, column, row)`` of the places for a new node, the nearest to "beside it on the left" first.

    Left and above come before the rest, which is for groups that have room nowhere else.
    """
    left, up = -width - GAP, -height - TITLE - GAP

    def cost(dx, dy):
        if dx <= left:
            return left - dx + abs(dy) + max(dy, 0)
        return abs(dx - left) + abs(dy) + (0 if dx <= 0 and dy <= up else LAST)

    x, y = _first(width, height)
    places = ((column, row) for column in range(COLUMNS) for row in range(ROWS))
    return sorted((cost(x + column * STEP, y + row * STEP), column, row) for column, row in places)


def _blocked(box, size, boxes, gap):
    """For each row of places, which columns are taken by a box or too close to one."""
    x, y = (corner + first for corner, first in zip(box, _first(*size), strict=False))
    rows = [bytearray(COLUMNS) for _ in range(ROWS)]
    for left, top, width, height in boxes:
        columns = _within(left - size[0] - gap - x, left + width + gap - x, COLUMNS)
        for row in range(*_within(top - size[1] - TITLE - gap - y, top + height + gap - y, ROWS)):
            rows[row][slice(*columns)] = b"\1" * (columns[1] - columns[0])
    return rows


def _within(above, below, count):
    """The range of whole numbers n from 0 to ``count`` for which ``above < n * STEP < below``."""
    first = min(max(math.floor(above / STEP) + 1, 0), count)
    return first, max(first, min(math.ceil(below / STEP), count))


def _around(group, spot):
    """The group's bounding, large enough for the spot with a margin (the group's own title is in its top ``TITLE``)."""
    left, top = min(group[0], spot[0] - GAP / 2), min(group[1], spot[1] - TITLE - GAP / 2)
    right = max(group[0] + group[2], spot[0] + spot[2] + GAP / 2)
    bottom = max(group[1] + group[3], spot[1] + spot[3] + GAP / 2)
    same = (left, top, right, bottom) == (group[0], group[1], group[0] + group[2], group[1] + group[3])
    return group if same else (left, top, right - left, bottom - top)


def _swallows(grown, strangers):
    """Would a node that is not in a group come into it?"""
    return any(holds(grown[index], box) for index, boxes in strangers.items() for box in boxes)


def _touches(own, grown, foreign):
    """Would a group come to overlap another one?"""
    return any(meet(grown[index], other) and not meet(own[index], other) for index in own for other in foreign)
