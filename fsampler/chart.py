"""The per-step chart: one lane a run, one bar a step, REAL solid and SKIP hollow, the error estimate above it.

Of a pack of parts the largest estimate, which decides, has the thick line, and each of the others a thin one.

Drawn with Pillow, which ComfyUI installs; the only file of the core that needs more than torch.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from .report import Report

INK, FAINT, PAPER = (32, 36, 44), (150, 156, 168), (255, 255, 255)
REAL_COLOUR, SKIP_COLOUR, ESTIMATE_COLOUR = (37, 99, 168), (214, 226, 240), (200, 82, 44)
LANE, HEAD, BAR, LEFT, TOP = 132, 36, 56, 16, 52  # pixels; HEAD is the line above a lane's bars
THICK, THIN = 5, 2  # pixels of an estimate's line
SMALL, NORMAL = 22, 24  # pixels of type, which is read at half the size of the picture
APART = 16  # pixels between the numbers of two steps


Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"


def draw(reports: Sequence[Report], width: int = 960) -> Image.Image:
    """A PIL RGB image ``width`` pixels wide with a lane for each ``Report``, and a legend on top."""
    if not reports:
        raise ValueError("no report to draw; expected at least one")
    image = Image.new("RGB", (width, TOP + LANE * len(reports) + 12), PAPER)
    pen = ImageDraw.Draw(image)
    small, normal = ImageFont.load_default(SMALL), ImageFont.load_default(NORMAL)
    _legend(pen, small)
    for lane, report in enumerate(reports):
        _lane(pen, report, TOP + lane * LANE, width, small, normal)
    return image


def _legend(pen: ImageDraw.ImageDraw, font: Font) -> None:
    left = LEFT
    for colour, edge, text in (
        (REAL_COLOUR, None, "REAL: model called"),
        (SKIP_COLOUR, FAINT, "SKIP: predicted"),
        (ESTIMATE_COLOUR, None, "error estimate, of the lane's largest"),
    ):
        middle, half = 26, 2 if colour == ESTIMATE_COLOUR else 10
        pen.rectangle((left, middle - half, left + 24, middle + half), fill=colour, outline=edge)
        pen.text((left + 32, middle), text, fill=INK, font=font, anchor="lm")
        left += 32 + round(pen.textlength(text, font=font)) + 32


def _lane(pen: ImageDraw.ImageDraw, report: Report, top: int, width: int, small: Font, normal: Font) -> None:
    line, room = report.line(), width - 2 * LEFT
    font = normal if pen.textlength(line, font=normal) <= room else small
    pen.text((LEFT, top), _fit(pen, line, room, font), fill=INK, font=font)
    records = report.first_records()
    if not records:
        return
    step_width = (width - 2 * LEFT) / len(records)
    largest = max((r.estimate for r in records if r.estimate is not None), default=0)
    bottom = top + HEAD + BAR
    widest = pen.textlength(str(max(record.step for record in records)), font=small)
    every = math.ceil((widest + APART) / step_width)
    for i, record in enumerate(records):
        x0, x1 = LEFT + i * step_width, LEFT + (i + 1) * step_width - max(min(1, step_width / 2), step_width * 0.08)
        real = record.kind == "REAL"
        pen.rectangle((x0, bottom - BAR, x1, bottom), fill=REAL_COLOUR if real else SKIP_COLOUR, outline=FAINT)
        marks = [(estimate, THIN) for estimate in record.by_part] + [(record.estimate, THICK)]
        for estimate, thickness in marks:
            if estimate is not None and largest > 0:
                y = bottom - 2 - (BAR - 4) * min(estimate / largest, 1)
                pen.line((x0 + 1, y, x1 - 1, y), fill=ESTIMATE_COLOUR, width=thickness)
        if i % every == 0:
            centre = min(max((x0 + x1) / 2, LEFT + widest / 2), width - LEFT - widest / 2)
            pen.text((centre, bottom + 4), str(record.step), fill=INK, font=small, anchor="ma")


def _fit(pen: ImageDraw.ImageDraw, text: str, room: int, font: Font) -> str:
    """The text, shortened with an ellipsis when it is wider than ``room`` pixels."""
    if pen.textlength(text, font=font) <= room:
        return text
    kept = (
        bisect.bisect_right(range(len(text)), room, key=lambda n: int(pen.textlength(text[:n] + "...", font=font))) - 1
    )
    return text[: max(kept, 0)] + "..."
