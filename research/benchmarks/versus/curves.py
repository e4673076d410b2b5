"""The curves: calls against SSIM (upper) and PSNR (lower); a panel a sampler, a file for each choice of the others."""

import io
import math
from collections import defaultdict

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from ..cells import EXACT
from .matrix import Cell
from .rivals import AUTO, LOW, OURS, RIVALS
from .verdict import share

STYLES = {
    OURS: dict(color="#d62728", marker="o", lw=2.4, ms=3.5, zorder=5),
    AUTO: dict(color="white", marker="*", lw=0, ms=9, zorder=6, mec="#d62728", mew=1.3),
    "fewer steps": dict(color="#222222", marker="s", lw=1.1, ms=3),
    "EasyCache": dict(color="#1f77b4", marker="^", lw=0.9, ms=3.5),
    "LazyCache": dict(color="#17a9c9", marker="v", lw=0.9, ms=3.5),
    "dpmpp_2m": dict(color="#2ca02c", marker="D", lw=0.9, ms=2.5),
    "uni_pc": dict(color="#8c8c1a", marker="P", lw=0.9, ms=3.5),
    "res_multistep": dict(color="#66c2a5", marker="X", lw=0.9, ms=3.5),
    "deis": dict(color="#a6761d", marker="<", lw=0.9, ms=3),
    "original": dict(color="#9467bd", marker="d", lw=0, ms=4),
    "original v1.5": dict(color="#e377c2", marker="h", lw=0, ms=4),
    "Spectrum node": dict(color="#ff7f0e", marker=">", lw=0, ms=3.5),
}
ROOMS = {"ssim": ("SSIM", 1.0, 0.02), "psnr": ("PSNR, dB", None, 3.0)}  # name, highest value, least span of the axis


def best_of(rows, metric):
    """A rival's points by calls, of equal calls the best: ``[(calls, value)]``."""
    found = {}
    for row in rows:
        found[row["calls"]] = max(row[metric], found.get(row["calls"], -math.inf))
    return sorted(found.items())


def draw(rows, title):
    """A matplotlib Figure of ``{Cell: rows}``, a panel a cell, up to four in a line."""
    across = min(len(rows), 4)
    down = math.ceil(len(rows) / across)
    across = math.ceil(len(rows) / down)
    figure = Figure(figsize=(max(3.1 * across + 0.5, 7.2), 3.3 * down + 1.3), layout="constrained")
    outer = figure.subfigures(down, across, squeeze=False, wspace=0.02, hspace=0.02)
    seen = {}
    for place, (cell, every) in zip(outer.flat, rows.items(), strict=False):
        place.suptitle(f"{cell.sampler}, {cell.schedule}", fontsize=9)
        for axes, metric in zip(place.subplots(2, 1, sharex=True), ROOMS, strict=True):
            seen |= panel(axes, every, metric)
        axes.set_xlabel(f"model calls (full run: {every[0]['full_calls']:g})", fontsize=8)
    shown = [name for name in (OURS, AUTO, *RIVALS) if name in seen]
    figure.suptitle(title, fontsize=11)
    figure.legend([seen[n] for n in shown], shown, loc="outside lower center", ncols=min(6, len(shown)), fontsize=8)
    return figure


def panel(axes, rows, metric):
    """Every rival's curve in one metric; ``{rival: line}``. The axis has room for ours and for fewer steps from 35 % of
    the calls on; what lies below is cut off."""
    lines, by_rival = {}, defaultdict(list)
    for row in rows:
        by_rival[row["rival"]].append(row)
    for rival, style in STYLES.items():
        points = best_of([row for row in by_rival[rival] if row["calls"] < row["full_calls"]], metric)
        if points:
            lines[rival] = axes.plot(*zip(*points, strict=True), **style)[0]
    name, top, least = ROOMS[metric]
    seen = [row for rival in (OURS, AUTO, "fewer steps") for row in by_rival[rival] if LOW <= share(row) < 1]
    values = [row[metric] for row in seen if row[metric] < EXACT]
    if values:
        span = max(max(values) - min(values), least)
        axes.set_ylim(min(values) - 0.3 * span, (top or max(values)) + 0.1 * span)
    axes.set_ylabel(name, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    return lines


def files(rows):
    """``{name: (title, rows)}``: what goes into which picture."""
    found = defaultdict(dict)
    for cell, every in rows.items():
        if every:
            found[cell.model, cell.schedule, cell.steps, cell.cfg][Cell(*cell)] = every
    return {
        f"{model}_{schedule}_{steps}_cfg{cfg:g}.png": (f"{model}, {schedule}, {steps} steps, CFG {cfg:g}", part)
        for (model, schedule, steps, cfg), part in found.items()
    }


def write(rows, folder, dpi=90):
    """The pictures of ``{Cell: rows}`` in a folder; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = files(rows)
    for name, (title, part) in made.items():
        drawn = io.BytesIO()
        draw(part, title).savefig(drawn, dpi=dpi, facecolor="white")
        colours = Image.open(drawn).convert("RGB").quantize(96, Image.Quantize.MAXCOVERAGE, kmeans=4)
        colours.save(folder / name, optimize=True)  # 96 colours: a quarter of the size, and nobody sees it
    return list(made)
