"""Who competes, and with which settings: for a cell, every run to make, as plain data."""

import math
import os
from typing import NamedTuple

from comfyui_fsampler.fsampler import PRESETS

from .matrix import evaluations

OURS, AUTO, FEWER = "ours", "ours auto", "fewer steps"
CACHES = ("EasyCache", "LazyCache")
STOCK = ("dpmpp_2m", "uni_pc", "res_multistep", "deis")
ORIGINAL, ORIGINAL_15, SPECTRUM = "original", "original v1.5", "Spectrum node"
RIVALS = (FEWER, *CACHES, *STOCK, ORIGINAL, ORIGINAL_15, SPECTRUM)

LOW, HIGH = 0.35, 0.85  # of the steps: where rivals are compared
LOWEST = 0.2  # of the steps: ours is followed down to here, to see where it reaches a given SSIM
LEAST = 3  # steps that calls:N needs
THRESHOLDS = tuple(round(0.001 * 2000 ** (i / 15), 4) for i in range(16))  # .001 to 2, of core's caches
ORIGINAL_MODES = ("h2/s2", "h2/s3", "h2/s4", "h2/s5", "h3/s3", "h3/s4", "h3/s5", "h4/s4", "h4/s5", "adaptive")
SPECTRUM_FITS = {"as it comes": (0.6, 4, 0.1, 5), "as recommended": (0.4, 3, 1.0, 4)}  # w, m, lam, warmup_steps
SPECTRUM_WINDOWS = tuple(f"{window} +{growth:g}" for window in (2, 3, 4, 6) for growth in (0, 0.25, 0.5, 0.75, 1.5))
ORIGINAL_SAMPLERS = ("euler", "ddim", "dpmpp_2m", "res_multistep", "lms", "heun")  # its names for the same solvers


class Pack(NamedTuple):
    """Another pack that takes part where a variable names its checkout."""

    title: str
    node: str  # by which it is known to be loaded
    rival: str


PACKS = {
    "ORIGINAL_FSAMPLER": Pack("the original pack", "FSamplerSelect", ORIGINAL),
    "SPECTRUM_SDXL": Pack("ComfyUI-Spectrum-sdxl", "SpectrumSDXL", SPECTRUM),
}


def named_packs():
    """The variables of other packs that are set, each to a checkout."""
    return [variable for variable in PACKS if os.environ.get(variable)]


class RivalTask(NamedTuple):
    """One run for the worker. ``option`` is a mode's text, a threshold, or a skip mode, according to ``kind``."""

    model: str
    sampler: str
    schedule: str
    steps: int
    cfg: float
    kind: str = "plain"  # or ours, EasyCache, LazyCache, original, original v1.5, Spectrum node
    option: str = ""


class Run(NamedTuple):
    """One point of a rival's curve."""

    rival: str
    setting: str
    job: RivalTask


EXACT_STEPS = 200


def full(cell, rival=""):
    """The run that a rival is compared with: its own in full. The original's solvers are its own."""
    if rival in (ORIGINAL, ORIGINAL_15):
        return RivalTask(*cell, kind=rival, option="none")
    return RivalTask(*cell)


def exact(cell):
    """The ODE's solution on this schedule, as good as exact."""
    return RivalTask(cell.model, "dpmpp_2m", cell.schedule, EXACT_STEPS, cell.cfg)


def counts(steps, low=LOW, high=HIGH, points=None):
    """Numbers of steps to make of ``steps``, between two shares; at most ``points`` of them, evenly spread."""
    first, last = max(LEAST, math.ceil(round(low * steps, 6))), math.floor(round(high * steps, 6))
    every = list(range(first, last + 1))
    if points is None or len(every) <= points:
        return every
    if points == 1:
        return [every[len(every) // 2]]
    return [every[round(i * (len(every) - 1) / (points - 1))] for i in range(points)]


def runs(cell, points=None, packs=()):
    """Every ``Run`` of a cell: ours first, with every number of calls; then the rivals, at most ``points`` of them.
    Stock solvers only where the cell adds no noise; other packs only where ``packs`` has their variable."""
    made, every = counts(cell.steps, points=points), thinned(THRESHOLDS, points)
    ours = counts(cell.steps, LOWEST)
    found = [Run(OURS, f"calls:{n}", RivalTask(*cell, kind="ours", option=f"calls:{n}")) for n in ours]
    found += [Run(AUTO, preset, RivalTask(*cell, kind="ours", option=preset)) for preset in PRESETS]
    found += [Run(FEWER, f"{n} steps", RivalTask(*cell)._replace(steps=n)) for n in made]
    found += [Run(name, f"{t:g}", RivalTask(*cell, kind=name, option=f"{t:g}")) for name in CACHES for t in every]
    if cell.deterministic:
        for solver in STOCK:
            steps = [evaluations(cell.sampler, n) for n in made] if solver != cell.sampler else []
            found += [Run(solver, f"{n} steps", RivalTask(*cell)._replace(sampler=solver, steps=n)) for n in steps]
    if "ORIGINAL_FSAMPLER" in packs and cell.sampler in ORIGINAL_SAMPLERS:
        for name in (ORIGINAL, ORIGINAL_15):
            found += [Run(name, mode, RivalTask(*cell, kind=name, option=mode)) for mode in ORIGINAL_MODES]
    if "SPECTRUM_SDXL" in packs:
        given = [f"{fit}, {window}" for fit in SPECTRUM_FITS for window in thinned(SPECTRUM_WINDOWS, points)]
        found += [Run(SPECTRUM, option, RivalTask(*cell, kind=SPECTRUM, option=option)) for option in given]
    return found


def thinned(values, points):
    """Some of the values when ``points`` are few: as many as three times the points."""
    if points is None or len(values) <= 3 * points:
        return values
    return values[:: math.ceil(len(values) / (3 * points))]
