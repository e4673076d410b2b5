"""Where a new node goes: to the left of or above the one it belongs to, on free ground and in the same groups.

A group of ComfyUI has no list of members: a node belongs to it if its centre lies inside. So a group without room grows
towards the new node, unless it would swallow another node or touch another group.
"""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from .boxes import COLLAPSED, TITLE, UNKNOWN, Box, bounding, holds, meet, node_box
from .ground import Ground

Node = dict[str, Any]

Size = tuple[int, int]  # width and height in pixels, without the title
Grown = list[tuple[int, Box]]  # index of a group, and what it is to cover

GAP, STEP, FAR = 20, 20, 1200  # pixels: between nodes, between the places tried, and the farthest one
DETOUR = 400  # pixels that a place inside the groups may be farther than one they must grow for
LAST = 600  # pixels that a place to the right or below counts as farther than it is
COLUMNS = ROWS = 2 * FAR // STEP  # of the places tried


class Canvas:
    """What is on the canvas of a graph: its nodes and borders, and its groups by their index."""

    def __init__(self, form: dict[str, Any]) -> None:
        self.nodes, self.groups = Ground(), Ground()
        taken = [*map(node_box, form["nodes"]), *(bounding(form.get(border)) for border in ("inputNode", "outputNode"))]
        for number, box in enumerate(filter(None, taken)):
            self.nodes.put(number, box)
        listed = form["groups"] if isinstance(form.get("groups"), list) else []
        for index, group in enumerate(listed):
            if cover := bounding(group):
                self.groups.put(index, cover)

    def free_place(self, node: Node, size: Size) -> tuple[list[float], Grown, bool]:
        """``(position, grown, collapsed)`` of a new node of this size that belongs to ``node``.

        From now on it is there, and the groups are as large.
        ``position`` is what the file will say, without the title. ``grown`` are the groups that must grow.
        ``collapsed``: there is room for the title only, so the node is to be collapsed.
        """
        position, grown, collapsed = self._find(node_box(node) or UNKNOWN, size)
        width, height = COLLAPSED if collapsed else size
        self.nodes.put(len(self.nodes.boxes), (position[0], position[1] - TITLE, width, height + TITLE))
        for index, box in grown:
            self.groups.put(index, box)
        return position, grown, collapsed

    def _find(self, box: Box, size: Size) -> tuple[list[float], Grown, bool]:
        reach = (box[0] - 2 * FAR, box[1] - 2 * FAR, 4 * FAR, 4 * FAR)
        boxes = list(dict.fromkeys(self.nodes.near(reach).values()))
        own = {index: group for index, group in self._groups(box).items() if holds(group, box)}
        foreign = [group for index, group in self._groups(reach, *own.values()).items() if index not in own]
        for shape, gap, strict in ((size, GAP, True), (size, GAP / 2, False), (COLLAPSED, GAP / 4, False)):
            found, anywhere = _search(box, shape, boxes, own, foreign, gap, strict)
            if found:
                return *found, shape == COLLAPSED
        return _position(anywhere or (box[0] - COLLAPSED[0] - GAP, box[1])), [], True

    def _groups(self, *boxes: Box) -> dict[int, Box]:
        """The groups near any of some boxes, in the order of the file."""
        found = {index: group for box in boxes for index, group in self.groups.near(box).items()}
        return {index: found[index] for index in sorted(found)}


def _search(
    box: Box, size: Size, boxes: list[Box], own: dict[int, Box], foreign: list[Box], gap: float, strict: bool
) -> tuple[tuple[list[float], Grown] | None, Box | None]:
    """The best place that keeps to the groups ``own``, as ``(position, groups that grow)``; and the first free one.

    ``box`` is what the node covers that the new one belongs to. The new one stays ``gap`` pixels from all ``boxes`` and
    out of the groups ``foreign``; if not ``strict``, it, and a group that grows, may lie over their edges. None where
    there is no place.
    """
    best: tuple[list[float], Grown] | None = None
    best_cost, anywhere = 0.0, None
    free = _in_order(*size)(_free(box, size, boxes, gap))
    strangers = {index: [one for one in boxes if not holds(group, one)] for index, group in own.items()}
    x, y = _first(*size)
    for cost, column, row in itertools.compress(_offsets(*size), free):
        if best and cost > best_cost + DETOUR:
            break
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


def _position(spot: tuple[float, ...]) -> list[float]:
    """Where the file says that a node is which covers this box: the corner below its title."""
    return [spot[0], spot[1] + TITLE]


def _first(width: int, height: int) -> tuple[int, int]:
    """The offset of the first column and row of places from a node's corner."""
    return -width - GAP - FAR, -height - TITLE - GAP - FAR


@functools.cache
def _offsets(width: int, height: int) -> list[tuple[int, int, int]]:
    """``(cost, column, row)`` of the places to try for a new node of this size, the cheapest first.

    The cost is the distance in pixels from the place just left of the node, where downwards counts twice. Places to the
    right and below, for groups that have room nowhere else, cost ``LAST`` more.
    """
    left, up = -width - GAP, -height - TITLE - GAP

    def cost(dx: int, dy: int) -> int:
        if dx <= left:
            return left - dx + abs(dy) + max(dy, 0)
        return abs(dx - left) + abs(dy) + (0 if dx <= 0 and dy <= up else LAST)

    x, y = _first(width, height)
    places = ((column, row) for column in range(COLUMNS) for row in range(ROWS))
    return sorted((cost(x + column * STEP, y + row * STEP), column, row) for column, row in places)


@functools.cache
def _in_order(width: int, height: int) -> Callable[[bytes], tuple[int, ...]]:
    """Gives what ``_free`` says of the places in the order of ``_offsets``, the cheapest first."""
    return operator.itemgetter(*(row * COLUMNS + column for _, column, row in _offsets(width, height)))


def _free(box: Box, size: Size, boxes: list[Box], gap: float) -> bytes:
    """A byte for each place, row by row: 0 where a box is, or too close."""
    x, y = (corner + first for corner, first in zip(box, _first(*size), strict=False))
    rows = [bytearray(b"\1" * COLUMNS) for _ in range(ROWS)]
    for left, top, width, height in boxes:
        first, end = _within(left - size[0] - gap - x, left + width + gap - x, COLUMNS)
        for row in range(*_within(top - size[1] - TITLE - gap - y, top + height + gap - y, ROWS)):
            rows[row][first:end] = bytes(end - first)
    return b"".join(rows)


def _within(above: float, below: float, count: int) -> tuple[int, int]:
    """First and end of the whole numbers n in range(count) for which ``above < n * STEP < below``."""
    first = min(max(math.floor(above / STEP) + 1, 0), count)
    return first, max(first, min(math.ceil(below / STEP), count))


def _around(group: Box, spot: Box) -> Box:
    """What the group must cover to hold the spot with a margin; its own title takes the top ``TITLE`` pixels."""
    left, top = min(group[0], spot[0] - GAP / 2), min(group[1], spot[1] - TITLE - GAP / 2)
    right = max(group[0] + group[2], spot[0] + spot[2] + GAP / 2)
    bottom = max(group[1] + group[3], spot[1] + spot[3] + GAP / 2)
    same = (left, top, right, bottom) == (group[0], group[1], group[0] + group[2], group[1] + group[3])
    return group if same else (left, top, right - left, bottom - top)


def _swallows(grown: dict[int, Box], strangers: dict[int, list[Box]]) -> bool:
    """Would a group that grows take in a node that was not in it? ``strangers`` are these nodes, by group."""
    return any(holds(grown[index], box) for index, boxes in strangers.items() for box in boxes)


def _touches(own: dict[int, Box], grown: dict[int, Box], foreign: Iterable[Box]) -> bool:
    """Would a group that grows overlap another one that it did not before?"""
    return any(meet(grown[index], other) and not meet(own[index], other) for index in own for other in foreign)
