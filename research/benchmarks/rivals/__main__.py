"""Published rivals against ours at equal calls: ``python -m fsampler_research.benchmarks.rivals``.

Cells are those of ``benchmarks.steering``, with samplers of ours that ask once a step; a hash of their names keeps the
half to tune on apart from the one to report. Mode ``calls:P%``, the same sampler with fewer steps, and every rival of
``fsampler_research.rivals`` with as many calls are compared with each cell's full run; rivals make theirs at the steps
of their own rule, and at those that ours called. Plans that rest on a recorded run get one of the same cell, of other
images. ``--search N`` adds steps searched in hindsight, on the very images, with N runs a search.

``--out`` gets the rows of a cell as soon as it is finished, and the next call goes on where one stopped. One process,
one thread.
"""

import argparse
import pathlib
import sys

import torch
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.tools.bar import progress

from ..steering import matrix
from ..steering.problem import SIZE, network
from ..versus.play import engine
from ..versus.results import Results
from . import entries, report
from .measure import measure

MODES = ("calls:60%", "calls:50%", "calls:40%")
SAMPLERS = ("euler", "dpmpp_2m", "res_2m")
CELLS, IMAGES = 24, 2
ANY_SIZE = ("unet",)  # networks that take any


def key(row):
    """What tells one run from another; nothing in it depends on the engine."""
    return tuple(row[name] for name in ("cell", "images", "seed", "size", "mode", "rival"))


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--half", choices=matrix.HALVES, default="report")
    made.add_argument("--cells", type=int, default=CELLS, help=f"how many ({CELLS})")
    made.add_argument("--images", type=int, default=IMAGES, help=f"a cell ({IMAGES})")
    made.add_argument("--seed", type=int, default=0, help="of the images")
    made.add_argument("--modes", default=",".join(MODES), help=f"of calls:P%% ({','.join(MODES).replace('%', '%%')})")
    made.add_argument("--samplers", default=",".join(SAMPLERS), help=f"some of {','.join(SAMPLERS)} (all)")
    made.add_argument("--steps", type=int, choices=matrix.STEPS, help="cells of so many steps alone")
    made.add_argument("--size", type=int, help=f"pixels a side, where the network takes others than {SIZE}")
    made.add_argument("--search", type=int, default=0, metavar="N", help="search steps in hindsight, N runs each")
    made.add_argument("--least", type=float, default=0.0, metavar="DB", help="name cells that are lost by more (0)")
    made.add_argument("--brief", action="store_true", help="one table, by calls, in place of all")
    made.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/rivals.jsonl"))
    made.add_argument("--report", action="store_true", help="only tables, from what is there")
    made.add_argument("--plan", action="store_true", help="only name the cells")
    return made


def chosen(half, count, samplers=SAMPLERS, steps=None, size=None):
    """``count`` cells of a half and some samplers, of those with so many steps, of the networks that take the size."""
    every = [cell for cell in matrix.cells(samplers) if cell.half == half and steps in (None, cell.steps)]
    return matrix.thinned([cell for cell in every if size is None or cell.network in ANY_SIZE], count)


def available():
    """A test of cells: can they be run here? Says on stderr what is left out."""
    try:
        network(matrix.GALAXY)
    except FileNotFoundError as error:
        sys.stderr.write(f"{matrix.GALAXY} is left out: {error}\n")
        return lambda cell: cell.network != matrix.GALAXY
    return lambda cell: True


def main(argv=None):
    args = parser().parse_args(argv)
    modes = args.modes.split(",")
    for mode in modes:
        if not (mode.startswith("calls:") and mode.endswith("%")):
            sys.exit(f"rivals: --modes has {mode!r}; expected calls:P%")
        Config.parse(mode)
    samplers = tuple(args.samplers.split(","))
    if unknown := [name for name in samplers if name not in SAMPLERS]:
        sys.exit(f"rivals: --samplers has {unknown[0]!r}; expected some of {', '.join(SAMPLERS)}")
    cells = [*filter(available(), chosen(args.half, args.cells, samplers, args.steps, args.size))]
    if args.plan:
        sys.stdout.write("".join(f"{cell.half}: {cell.name}\n" for cell in cells))
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    results, label = Results(args.out, key), {"images": args.images, "seed": args.seed, "size": args.size}
    if not args.report:
        torch.set_num_threads(1)
        now = engine()
        for cell in progress(cells, len(cells), "cells"):
            every = [(mode, name) for mode in modes for name in entries.taking_part(cell.sampler, args.search)]
            named = {**label, "cell": cell.name}
            missing = [run for run in every if results.get({**named, "mode": run[0], "rival": run[1]}) is None]
            for row in measure(cell, missing, args.images, args.seed, args.search, args.size) if missing else ():
                results.add({**row, "engine": now})
    names = {cell.name for cell in cells}
    found = [row for row in results.rows.values() if row["cell"] in names and row["mode"] in modes]
    found = [row for row in found if all(row[name] == value for name, value in label.items())]
    if not found:
        sys.exit(f"rivals: {args.out} has none of these {len(cells)} cells")
    older = {row["engine"] for row in found} - {engine()}
    if older:
        sys.stderr.write(f"{args.out} has rows of other engines ({', '.join(sorted(older))}); expected another --out\n")
    size = f", {args.size} pixels a side" if args.size else ""
    sys.stdout.write(
        f"{len({row['cell'] for row in found})} cells, {args.images} images each{size}, half {args.half}\n\n"
    )
    sys.stdout.write(report.brief(found) if args.brief else report.page(found, args.least))


if __name__ == "__main__":
    main()
