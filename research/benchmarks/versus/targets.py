"""The figures that the project set out to reach, from the rows of a run: met, missed, or not measured."""

import math
import statistics
from typing import NamedTuple

from comfyui_fsampler.fsampler import PRESETS

from .rivals import OURS
from .verdict import LOST, WON, best, compared, duels, inexact, presets, share, share_needed

TOO_FEW = "not measured here"


class Target(NamedTuple):
    """``met`` is None where the selection has no cell for it."""

    name: str
    wanted: str
    figure: str
    met: bool | None


def targets(rows):
    """Every ``Target``, from ``{Cell: rows}``."""
    found = [*ahead(rows), *cheap(rows), nearer(rows), *noisy(rows), *twice(rows), few(rows)]
    return [*found, *tolerance(rows), exact(rows)]


def ahead(rows):
    wanted = {cell: every for cell, every in rows.items() if cell.deterministic and cell.steps in (20, 30)}
    found = duels(wanted)
    for metric in ("ssim", "psnr"):
        of = [duel for duel in found if duel.metric == metric]
        won, lost = (sum(duel.outcome == outcome for duel in of) for outcome in (WON, LOST))
        figure = f"{won} won, {len(of) - won - lost} tied, {lost} lost of {len(of)}"
        name = f"{metric.upper()} at or above every rival's, deterministic samplers, 20 and 30 steps, 35-85 % of calls"
        yield Target(name, "none lost", figure if of else TOO_FEW, lost == 0 if of else None)


def cheap(rows):
    for steps in (20, 50):
        for ssim, most in ((0.95, 35 if steps == 20 else 25), (0.99, 55)):
            cells = [c for c in rows if c.deterministic and c.learned and c.steps == steps]
            needed = [n for n in (share_needed(rows[cell], ssim) for cell in cells) if n is not None]
            name = f"calls for SSIM {ssim}, {steps} steps, median over deterministic cells of the learned models"
            yield median(name, f"at most {most} %", needed, "{:.0f} %", lambda figure, most=most: figure <= most)


def nearer(rows):
    gains = []
    for cell, every in rows.items():
        if cell.sampler == "dpmpp_2m" and cell.steps >= 20:
            for row in every:
                if row["rival"] == OURS and 9 <= row["calls"] <= 12:
                    theirs = best(every, "fewer steps", row["calls"], "exact_psnr")
                    if theirs is not None and theirs["calls"] == row["calls"]:
                        gains.append(row["exact_psnr"] - theirs["exact_psnr"])
    name = "distance to the exact solution, ours over DPM++ 2M against DPM++ 2M, 9-12 calls, median"
    return median(name, "at least +4 dB", gains, "{:+.1f} dB", lambda figure: figure >= 4)


def noisy(rows):
    for sampler in ("euler_ancestral", "dpmpp_2s_ancestral", "dpmpp_2m_sde"):
        cells = [cell for cell in rows if cell.sampler == sampler and cell.steps >= 20]
        found = [row["ssim"] for row in filter(None, (nearest(rows[cell], 0.6) for cell in cells))]
        name = f"{sampler}: SSIM at 60 % of the calls, 20 steps and more, median"
        yield median(name, "at least 0.90", found, "{:.3f}", lambda figure: figure >= 0.9)


def twice(rows):
    """Cells that differ in nothing but the sampler, in pairs."""
    for sampler, other in (("heun", "euler"), ("dpmpp_2s_ancestral", "euler_ancestral")):
        for ssim in (0.95, 0.99):
            apart = []
            for cell in rows:
                if cell.sampler == sampler and cell.steps >= 20 and cell._replace(sampler=other) in rows:
                    both = share_needed(rows[cell], ssim), share_needed(rows[cell._replace(sampler=other)], ssim)
                    apart += [both[0] / both[1] - 1] if None not in both and math.inf not in both else []
            name = f"{sampler}: calls for SSIM {ssim} over {other}'s (shares of the full run), median"
            yield median(name, "at most +10 %", [100 * a for a in apart], "{:+.0f} %", lambda figure: figure <= 10)


def few(rows):
    """A cell in which every preset chooses not to skip has met it as well."""
    found = []
    for cell, every in rows.items():
        if cell.steps <= 8 and cell.deterministic:
            row = nearest(every, 0.75)
            skipping = any(preset["calls"] < preset["full_calls"] for preset in presets(every))
            found += [row["ssim"] if skipping else 1.0] if row else []
    name = "few steps (8 and fewer): SSIM at 75 % of the calls, or auto does not skip; median"
    return median(name, "at least 0.97", found, "{:.3f}", lambda figure: figure >= 0.97)


def tolerance(rows):
    """Error of the batch's worst image over the preset's tolerance, cells in which it skipped anything."""
    for preset in PRESETS:
        of = [row for every in rows.values() for row in presets(every) if row["setting"] == preset]
        ratios = [row["error_worst"] / row["tolerance"] for row in of if row["calls"] < row["full_calls"]]
        within = 100 * sum(ratio <= 1 for ratio in ratios) / max(len(ratios), 1)
        name = f"{preset}: error of the worst image over the tolerance, median; cells within it"
        figure = f"{statistics.median(ratios):.2f}; {within:.0f} %" if ratios else TOO_FEW
        met = statistics.median(ratios) >= 0.25 and within >= 90 if ratios else None
        yield Target(name, "at least 0.25; at least 90 %", figure, met)


def exact(rows):
    made = sum(row["rival"] == OURS for every in rows.values() for row in every)
    wrong = sum(len(inexact(every)) for every in rows.values())
    figure, met = (f"{made - wrong} of {made} runs", wrong == 0) if made else (TOO_FEW, None)
    return Target("calls:N makes N calls", "always", figure, met)


def nearest(every, wanted):
    """Ours at the largest share of calls up to ``wanted``, no more than a tenth below it; or None."""
    within = [row for row in compared(every, 0, 1) if wanted - 0.1 <= share(row) <= wanted + 1e-6]
    return within[-1] if within else None


def median(name, wanted, values, form, holds):
    """The ``Target`` that a median decides. A median that is infinite has never been reached."""
    if not values:
        return Target(name, wanted, TOO_FEW, None)
    figure = statistics.median(values)
    text = "not reached" if math.isinf(figure) else form.format(figure)
    return Target(name, wanted, f"{text} (of {len(values)})", holds(figure))
