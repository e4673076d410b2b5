"""The per-step chart: one lane a run, one bar a step, REAL solid and SKIP hollow, the error estimate above it.

Drawn with Pillow, which ComfyUI installs; the only file of the core that needs more than torch.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from .report import Report

INK, FAINT, PAPER = (32, 36, 44), (150, 156, 168), (255, 255, 255)
REAL_COLOUR, SKIP_COLOUR, ESTIMATE_COLOUR = (37, 99, 168), (214, 226, 240), (200, 82, 44)
LANE, BAR, LEFT, TOP = 96, 34, 16, 44


Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"


def draw(reports: Sequence[Report], width: int = 960) -> Image.Image:
    """A PIL RGB image ``width`` pixels wide with a lane for each ``Report``, and a legend on top."""
    if not reports:
        raise ValueError("no report to draw; expected at least one")
    image = Image.new("RGB", (width, TOP + LANE * len(reports) + 12), PAPER)
    pen = ImageDraw.Draw(image)
    small, normal = ImageFont.load_default(12), ImageFont.load_default(15)
    _legend(pen, small)
    for lane, report in enumerate(reports):
        _lane(pen, report, TOP + lane * LANE, width, small, normal)
    return image


def _legend(pen: ImageDraw.ImageDraw, font: Font) -> None:
    pen.rectangle((LEFT, 14, LEFT + 18, 28), fill=REAL_COLOUR)
    pen.text((LEFT + 26, 13), "REAL: model called", fill=INK, font=font)
    pen.rectangle((LEFT + 170, 14, LEFT + 188, 28), fill=SKIP_COLOUR, outline=FAINT)
    pen.text((LEFT + 196, 13), "SKIP: predicted", fill=INK, font=font)
    pen.line((LEFT + 320, 21, LEFT + 338, 21), fill=ESTIMATE_COLOUR, width=3)
    pen.text((LEFT + 346, 13), "error estimate (share of the lane's largest)", fill=INK, font=font)


def _lane(pen: ImageDraw.ImageDraw, report: Report, top: int, width: int, small: Font, normal: Font) -> None:
    pen.text((LEFT, top), _fit(pen, report.line(), width - 2 * LEFT, normal), fill=INK, font=normal)
    records = report.first_records()
    if not records:
        return
    step_width = (width - 2 * LEFT) / len(records)
    largest = max((r.estimate for r in records if r.estimate is not None), default=0)
    bottom = top + 26 + BAR
    every = max(1, -(-len(records) // 25))
    for i, record in enumerate(records):
        x0, x1 = LEFT + i * step_width, LEFT + (i + 1) * step_width - max(min(1, step_width / 2), step_width * 0.08)
        real = record.kind == "REAL"
        pen.rectangle((x0, bottom - BAR, x1, bottom), fill=REAL_COLOUR if real else SKIP_COLOUR, outline=FAINT)
        if record.estimate is not None and largest > 0:
            y = bottom - 2 - (BAR - 4) * min(record.estimate / largest, 1)
            pen.line((x0 + 1, y, x1 - 1, y), fill=ESTIMATE_COLOUR, width=3)
        if i % every == 0:
            pen.text(((x0 + x1) / 2, bottom + 4), str(record.step), fill=FAINT, font=small, anchor="ma")


def _fit(pen: ImageDraw.ImageDraw, text: str, room: int, font: Font) -> str:
    """The text, shortened with an ellipsis when it is wider than ``room`` pixels."""
    if pen.textlength(text, font=font) <= room:
        return text
    kept = (
        bisect.bisect_right(range(len(text)), room, key=lambda n: int(pen.textlength(text[:n] + "...", font=font))) - 1
    )
    return text[: max(kept, 0)] + "..."
