"""Inline SVG: a run step by step, and the curve over the modes. Colours come from the page's style sheet."""

import math
from collections.abc import Iterable

from ..data import Object, objects
from ..text import escape
from .figures import Row


def steps(report: Object, name: str) -> str:
    """A chart of one run, ``report`` being the engine's as JSON; "" if it has no records.

    One bar a step: filled where the model was called, hollow where its answer was predicted. A line in each bar is the
    estimated error, as a share of the largest of the run; of a pack of parts the others' are thinner ones.
    """
    first: dict[str, Object] = {}  # solvers of two stages have two records a step
    for record in objects(report.get("records")):
        first.setdefault(str(record.get("step")), record)
    records = list(first.values())
    if not records:
        return ""
    width, bar = 640 / len(records), 44
    estimates = [_number(record.get("estimate")) for record in records]
    largest = max((value for value in estimates if value is not None), default=0)
    parts = []
    for at, (record, estimate) in enumerate(zip(records, estimates, strict=True)):
        real = record.get("kind") == "REAL"
        told = f"step {record.get('step')}: {record.get('kind')}, {record.get('reason')}"
        x, wide = at * width, max(width * 0.86, 0.5)
        others, lines = record.get("by_part"), ""
        marks = [(_number(other), "estimate part") for other in others] if isinstance(others, list) else []
        for value, kind in [*marks, (estimate, "estimate")]:
            if value is not None and largest > 0:
                y = bar - 3 - (bar - 6) * min(value / largest, 1)
                lines += f'<path class="{kind}" d="M{x:.1f} {y:.1f}h{wide:.1f}"/>'
        parts.append(
            f'<g><title>{escape(told)}</title><rect class="{"real" if real else "skip"}" x="{x:.1f}" y="1" '
            f'width="{wide:.1f}" height="{bar - 2}"/>{lines}</g>'
        )
        if at % max(1, math.ceil(len(records) / 20)) == 0:
            parts.append(f'<text x="{x + wide / 2:.1f}" y="{bar + 14}">{escape(record.get("step"))}</text>')
    calls, total = report.get("calls"), report.get("evaluations")
    label = escape(f"{name}: {calls} of {total} calls; {report.get('sequence')}")
    return f'<svg class="steps" viewBox="0 0 640 62" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def curve(rows: Iterable[Row]) -> str:
    """A chart of the mean SSIM over the share of model calls that were made, a point a mode; "" with none to show."""
    points = sorted(
        (row["calls"] / row["evaluations"], row["ssim"], row["mode"])
        for row in rows
        if row["calls"] is not None and row["evaluations"] and row["ssim"] is not None
    )
    if not points:
        return ""
    step, digits = _step((1 - min(y for _, y, _ in points)) / 4)
    floor = 1 - 4 * step

    def place(x: float, y: float) -> tuple[float, float]:
        return 84 + 520 * x, 28 + 212 * (1 - y) / (1 - floor)

    parts = []
    for part in range(5):
        y = floor + step * part
        down, right = place(0, y)[1], place(part / 4, 1)[0]
        parts.append(f'<path class="grid" d="M84 {down:.1f}h520M{right:.1f} 28v212"/>')
        parts.append(f'<text class="left" x="76" y="{down + 4:.1f}">{y:.{digits}f}</text>')
        parts.append(f'<text x="{right:.1f}" y="260">{part * 25} %</text>')
    placed = [(*place(x, y), mode) for x, y, mode in points]
    parts.append(f'<path class="line" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y, _ in placed)}"/>')
    for at, (x, y, mode) in enumerate(placed):
        side = ' class="left"' if x > 500 else ' class="right"'
        shift, down = (-9, 0) if x > 500 else (9, 14 if y < 48 else 0)
        down += 12 * (at % 2) if len(placed) > 3 else 0
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
        parts.append(f'<text{side} x="{x + shift:.1f}" y="{y + 4 + down:.1f}">{escape(mode)}</text>')
    parts.append('<text x="344" y="284">model calls made, of those of the full run</text>')
    parts.append('<text x="84" y="16" class="right">SSIM to the full run, mean over the seeds</text>')
    told = "; ".join(f"{mode}: {x:.0%} of the calls, SSIM {y:.4f}" for x, y, mode in points)
    label = escape(told)
    return f'<svg class="curve" viewBox="0 0 640 292" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _step(least: float) -> tuple[float, int]:
    """The distance of the grid lines: a round number of at least ``least``, and its digits after the point."""
    least = max(least, 2e-5)
    power = math.floor(math.log10(least))
    factor = next(one for one in (1, 2, 2.5, 5, 10) if one * 10**power >= least * (1 - 1e-9))
    return factor * 10**power, max(0, -power + (factor == 2.5) - (factor == 10))


def _number(value: object) -> float | None:
    """The value if it is a finite number, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf:
        return float(value)
    return None
