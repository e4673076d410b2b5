"""Inline SVG: a run step by step, and the curve over the modes. Colours come from the page's style sheet."""

import html
import math


def steps(report, name):
    """One bar a step: filled where the model was called, hollow where it was predicted; a line for the estimate."""
    first = {}
    for record in report.get("records") or []:
        if isinstance(record, dict):
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
        line = ""
        if estimate is not None and largest > 0:
            y = bar - 3 - (bar - 6) * min(estimate / largest, 1)
            line = f'<path class="estimate" d="M{x:.1f} {y:.1f}h{wide:.1f}"/>'
        parts.append(
            f'<g><title>{html.escape(told)}</title><rect class="{"real" if real else "skip"}" x="{x:.1f}" y="1" '
            f'width="{wide:.1f}" height="{bar - 2}"/>{line}</g>'
        )
        if at % max(1, math.ceil(len(records) / 20)) == 0:
            parts.append(f'<text x="{x + wide / 2:.1f}" y="{bar + 14}">{html.escape(str(record.get("step")))}</text>')
    calls, total = report.get("calls"), report.get("evaluations")
    label = html.escape(f"{name}: {calls} of {total} calls; {report.get('sequence')}", quote=True)
    return f'<svg class="steps" viewBox="0 0 640 62" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def curve(rows):
    """SSIM over the share of calls that were made, a point a mode; "" with no mode to show."""
    points = sorted(
        (row["calls"] / row["evaluations"], row["ssim"], row["mode"]) for row in rows
        if row["calls"] is not None and row["evaluations"] and row["ssim"] is not None
    )  # fmt: skip
    if not points:
        return ""
    lowest = min(y for _, y, _ in points)
    floor = max(0.0, 1 - max((1 - lowest) * 1.15, 0.01))
    digits = 2 if floor < 0.95 else 3 if floor < 0.995 else 4

    def place(x, y):
        return 60 + 560 * x, 20 + 220 * (1 - y) / (1 - floor)

    parts = []
    for part in range(5):
        y = floor + (1 - floor) * part / 4
        down, right = place(0, y)[1], place(part / 4, 1)[0]
        parts.append(f'<path class="grid" d="M60 {down:.1f}h560M{right:.1f} 20v220"/>')
        parts.append(f'<text class="left" x="54" y="{down + 4:.1f}">{y:.{digits}f}</text>')
        parts.append(f'<text x="{right:.1f}" y="258">{part * 25} %</text>')
    placed = [(*place(x, y), mode) for x, y, mode in points]
    parts.append(f'<path class="line" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y, _ in placed)}"/>')
    for at, (x, y, mode) in enumerate(placed):
        side = ' class="left"' if x > 500 else ' class="right"'
        shift, down = (-9, 0) if x > 500 else (9, 14 if y < 40 else 0)
        down += 12 * (at % 2) if len(placed) > 3 else 0
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
        parts.append(f'<text{side} x="{x + shift:.1f}" y="{y + 4 + down:.1f}">{html.escape(mode)}</text>')
    parts.append('<text x="340" y="280">model calls made, of those of the full run</text>')
    parts.append('<text x="60" y="12" class="right">SSIM to the full run, mean over the seeds</text>')
    told = "; ".join(f"{mode}: {x:.0%} of the calls, SSIM {y:.4f}" for x, y, mode in points)
    label = html.escape(told, quote=True)
    return f'<svg class="curve" viewBox="0 0 640 290" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _number(value):
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if good else None
