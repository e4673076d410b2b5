"""Plans from recorded runs against ``calls:N``: ``python -m fsampler_research.benchmarks.recorded``.

Cells are the steering benchmark's, of samplers that ask once a step and add no noise. In each, some images are run in
full in mode record; then others, of other seeds and classes, by ``calls:N``, by the plan for N calls, and with fewer
steps. PSNR against their full runs, at most 60 dB an image.
"""

import argparse
import statistics
import sys
from typing import NamedTuple

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.fsampler.recorded_plans import WORTH_IT, expected, planned
from comfyui_fsampler.tools.bar import Bar

from .markdown import rows
from .steering import matrix
from .steering.__main__ import available
from .steering.measure import fewer_steps, score
from .steering.problem import Problem
from .steering.runs import Runs

SAMPLERS = ("euler", "dpmpp_2m", "res_2m")
SHARES = "60%,50%,40%,35%"
MOST = 60.0  # dB: from here on images count as equal
APART = 1000  # between the seed of the recorded images and that of the others


GROUPS = (
    ("calls", lambda row: row.calls),
    ("calls, networks that learned", lambda row: row.calls if row.cell.network != "mixture" else None),
    ("CFG", lambda row: f"{row.cell.cfg:g}"),
    ("network", lambda row: row.cell.network),
)


class Row(NamedTuple):
    """PSNR in dB of one cell and number of calls; ``promised``: what the recording lets expect of the plan, in dB over
    calls:N. ratio: the error that was expected of the plan over the one measured, both relative to the full latent."""

    cell: matrix.Cell
    calls: int
    unplanned: float
    planned: float
    fewer: float
    promised: float
    ratio: float

    @property
    def gain(self):
        return self.planned - self.unplanned


def chosen(half, count, steps):
    """Cells of a half, spread as the steering benchmark's."""
    every = [cell for cell in matrix.cells(SAMPLERS) if cell.half == half and cell.steps == steps]
    return [*filter(available(), matrix.thinned(every, count))]


def measured(cell, shares, recorded, images, seed):
    """The rows of a cell."""
    before, after = Runs(Problem(cell, recorded, seed + APART)), Runs(Problem(cell, images, seed))
    sigmas = after.problem.sigmas()
    model, x = before.problem.begin(float(sigmas[0]))
    _, report = sample(before.solver, model, x, sigmas, "record", setting={"cfg": f"{cell.cfg:g}"})
    full = after.full()

    def figures(latents):
        each = score(after.problem, latents, full)
        return statistics.mean(min(psnr, MOST) for _, psnr, _ in each), statistics.mean(error for *_, error in each)

    for share in shares:
        calls = max(round(share * (len(sigmas) - 1)), 3)
        outlook = expected(report.recording, calls)
        fewer = after.full(fewer_steps(after.problem, calls))
        found = [after.ours(f"calls:{calls}"), after.ours(str(planned(report.recording, calls)))]
        if {run.calls for run in found} != {calls}:
            raise AssertionError(f"{[run.calls for run in found]} calls; expected {calls} in each")
        (unplanned, _), (plan, error), (least, _) = map(figures, (found[0].latents, found[1].latents, fewer))
        yield Row(cell, calls, unplanned, plan, least, outlook.gain, outlook.planned / max(error, 1e-6))


def page(found):
    """The tables."""
    body = [
        (row.cell.name, row.calls, *(f"{figure:.1f}" for figure in (row.fewer, row.unplanned, row.planned)))
        + (f"{row.gain:+.1f}", f"{row.promised:+.1f}")
        for row in found
    ]
    parts = [rows(("cell", "calls", "fewer steps", "calls:N", "plan", "gain", "promised"), body)]
    for name, key in GROUPS:
        body = []
        for value in sorted({key(row) for row in found} - {None}, reverse=name.startswith("calls")):
            gains = [row.gain for row in found if key(row) == value]
            over = [row.planned - row.fewer for row in found if key(row) == value]
            body.append(
                (
                    value,
                    len(gains),
                    f"{statistics.mean(gains):+.2f}",
                    f"{statistics.median(gains):+.2f}",
                    f"{min(gains):+.1f}",
                    sum(gain < -1 for gain in gains),
                    sum(gain < 0 for gain in over),
                )
            )
        header = (name, "cells", "mean gain, dB", "median", "worst", "below -1 dB", "lost to fewer steps")
        parts.append(rows(header, body))
    apart = statistics.quantiles([row.ratio for row in found], n=10)
    parts.append(
        f"Expected over measured error of the plan: {apart[0]:.2g}, {apart[4]:.2g}, {apart[8]:.2g} (tenths 1, 5, 9).\n"
    )
    worthless = [row.gain for row in found if row.promised < WORTH_IT]
    if worthless:
        parts.append(
            f"Said to be as good as calls:N: {len(worthless)}, mean gain {statistics.mean(worthless):+.2f} dB.\n"
        )
    return "\n".join(parts)


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--half", choices=matrix.HALVES, default="report")
    made.add_argument("--cells", type=int, default=16)
    made.add_argument("--steps", type=int, choices=matrix.STEPS, default=20)
    made.add_argument("--shares", default=SHARES, help=f"of the steps, N ({SHARES.replace('%', '%%')})")
    made.add_argument("--recorded", type=int, default=4, help="images a cell that are recorded (4)")
    made.add_argument("--images", type=int, default=4, help="images a cell that are measured (4)")
    made.add_argument("--seed", type=int, default=0)
    return made


def main(argv=None):
    args = parser().parse_args(argv)
    shares = [int(share.rstrip("%")) / 100 for share in args.shares.split(",")]
    torch.set_num_threads(1)
    cells, found = chosen(args.half, args.cells, args.steps), []
    with Bar("cells", len(cells)) as bar:
        for cell in cells:
            rows_of_cell = [*measured(cell, shares, args.recorded, args.images, args.seed)]
            bar.say(f"{cell.name}: {', '.join(f'{row.calls} calls {row.gain:+.1f} dB' for row in rows_of_cell)}")
            found += rows_of_cell
            bar.update()
    sys.stdout.write(f"{len(cells)} cells, half {args.half}, {args.recorded} images recorded, {args.images} others\n\n")
    sys.stdout.write(page(found))


if __name__ == "__main__":
    main()
