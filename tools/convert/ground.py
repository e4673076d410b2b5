"""The boxes on a canvas, found by where they are."""

from collections.abc import Iterator
from itertools import chain, islice

from .boxes import Box, meet

CELL = 1200  # pixels
LARGE = 64  # cells; a box on more of them is looked at wherever one asks
MOST = 500  # boxes that an answer names; on ground as full as that, no more of them would change anything


class Ground:
    """Boxes by numbers, which may move."""

    def __init__(self) -> None:
        self.boxes: dict[int, Box] = {}
        self.cells: dict[tuple[int, int], dict[int, None]] = {}
        self.large: dict[int, None] = {}

    def put(self, key: int, box: Box) -> None:
        """A box is there, or is another one now."""
        self.boxes[key] = box
        first, last = _cell(box[0], box[1]), _cell(box[0] + box[2], box[1] + box[3])
        if (last[0] - first[0] + 1) * (last[1] - first[1] + 1) > LARGE:
            self.large[key] = None
            return
        for cell in _cells(first, last):
            self.cells.setdefault(cell, {})[key] = None

    def near(self, reach: Box) -> dict[int, Box]:
        """The boxes that overlap a box, ``MOST`` at most."""
        cells = _cells(_cell(reach[0], reach[1]), _cell(reach[0] + reach[2], reach[1] + reach[3]))
        keys = chain(islice(self.large, MOST), *(islice(self.cells.get(cell, ()), MOST) for cell in cells))
        found = {key: self.boxes[key] for key in keys if meet(self.boxes[key], reach)}
        return dict(islice(found.items(), MOST))


def _cell(x: float, y: float) -> tuple[int, int]:
    return int(x // CELL), int(y // CELL)


def _cells(first: tuple[int, int], last: tuple[int, int]) -> Iterator[tuple[int, int]]:
    for column in range(first[0], last[0] + 1):
        for row in range(first[1], last[1] + 1):
            yield column, row
