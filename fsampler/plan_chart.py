"""The chart of what a recording lets expect: the error of ``calls:N`` and of the plan, against the number of calls."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from .chart import ESTIMATE_COLOUR, FAINT, INK, PAPER, REAL_COLOUR, Font
from .recorded_plans import Expectation

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 92, 24, 56, 64
GRID = (228, 231, 236)
DECADES = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
Point = tuple[float, float]


def draw(outlook: Sequence[Expectation], calls: int) -> Image.Image:
    """A PIL RGB image of 720 by 420 pixels; ``calls`` is marked. Says so where nothing is recorded."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    if not outlook:
        pen.text((WIDTH / 2, HEIGHT / 2), "nothing is recorded yet", fill=INK, font=font, anchor="mm")
        return image
    lines = {
        "calls:N": (ESTIMATE_COLOUR, [one.unplanned for one in outlook]),
        "plan": (REAL_COLOUR, [one.planned for one in outlook]),
    }
    axes = _Axes([one.calls for one in outlook], [error for _, errors in lines.values() for error in errors])
    axes.draw(pen, font, calls)
    for place, (name, (colour, errors)) in enumerate(lines.items()):
        points = [axes.at(one.calls, error) for one, error in zip(outlook, errors, strict=True)]
        pen.line(points, fill=colour, width=4, joint="curve")
        for x, y in points:
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour)
        left = LEFT + 130 * place
        pen.line((left, 28, left + 30, 28), fill=colour, width=4)
        pen.text((left + 40, 28), name, fill=INK, font=font, anchor="lm")
    return image


class _Axes:
    """The number of calls to the right, the error upward, on a logarithmic scale."""

    def __init__(self, calls: Sequence[int], errors: Sequence[float]) -> None:
        self._calls = min(calls), max(calls)
        shown = [max(error, DECADES[0]) for error in errors]
        self._low = max(decade for decade in DECADES if decade <= min(shown))
        self._high = min((decade for decade in DECADES if decade >= max(shown)), default=DECADES[-1])
        self._high = max(self._high, 10 * self._low)

    def at(self, calls: float, error: float) -> Point:
        """The pixel of a value; one off the scale is drawn at its edge."""
        first, last = self._calls
        right = (calls - first) / max(last - first, 1)
        error = min(max(error, self._low), self._high)
        up = math.log(error / self._low) / math.log(self._high / self._low)
        return LEFT + right * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def draw(self, pen: ImageDraw.ImageDraw, font: Font, marked: int) -> None:
        for error in (decade * part for decade in DECADES for part in (1, 2, 5)):
            if self._low <= error <= self._high:
                x, y = self.at(self._calls[0], error)
                pen.line((x, y, WIDTH - RIGHT, y), fill=GRID)
                pen.text((x - 8, y), f"{100 * error:g} %", fill=INK, font=font, anchor="rm")
        every = max(1, -(-(self._calls[1] - self._calls[0] + 1) // 14))
        for calls in range(self._calls[0], self._calls[1] + 1, every):
            pen.text((self.at(calls, 0)[0], HEIGHT - BOTTOM + 8), str(calls), fill=INK, font=font, anchor="ma")
        if self._calls[0] <= marked <= self._calls[1]:
            x = self.at(marked, 0)[0]
            pen.line((x, TOP, x, HEIGHT - BOTTOM), fill=FAINT, width=2)
        middle = (LEFT + WIDTH - RIGHT) / 2
        pen.text((middle, HEIGHT - 10), "calls of the model", fill=INK, font=font, anchor="md")
        pen.text((WIDTH - RIGHT, 28), "expected error of the final latent", fill=INK, font=font, anchor="rm")
