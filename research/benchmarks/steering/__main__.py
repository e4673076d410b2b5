"""How modes of ours hold up where the engine was not tuned: ``python -m fsampler_research.benchmarks.steering``.

Cells are network x prediction x schedule x shift x sampler x guidance scale x steps; some of them are picked by a hash
of their names, and another hash puts each into one of two halves: tune on one, report the other. Against the full run
of a cell stand our modes, the same sampler with fewer steps (as many as calls), and the last answer held at the steps
that a mode skips. ``--out`` gets a row a mode as soon as a cell is finished, and the next call goes on where one
stopped; ``--cache`` what does not depend on the engine, so that after a change of it only runs of ours are made again
(give them another --out). ``--against FILE`` compares with an earlier --out, run by run.

The network galaxygrad takes part where it is installed (``pip install --no-deps galaxygrad==0.1.5``), samplers of
ComfyUI's where there is one (in ~/comfy/ComfyUI or at COMFYUI_PATH), with a third as many cells.
"""

import argparse
import pathlib
import sys

from comfyui_fsampler.fsampler import PRESETS, Config
from comfyui_fsampler.tools.bar import progress

from ...demo.comfyui import checkout
from ..versus.play import engine
from ..versus.results import Results
from . import matrix, report
from .pool import measured
from .problem import network

MODES = ("calls:60%", "calls:50%", "calls:40%", "balanced", "fast", "turbo")
SMALL_MODES = ("calls:50%", "fast")
FULL, SMALL = 48, 12  # cells a half
IMAGES, SMALL_IMAGES = 4, 2


def key(row):
    """What tells one run from another; nothing in it depends on the engine."""
    return row["cell"], row["images"], row["seed"], row["mode"]


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--half", choices=(*matrix.HALVES, "both"), default="report")
    made.add_argument("--small", action="store_true", help=f"{SMALL} cells a half, {SMALL_IMAGES} images, two modes")
    made.add_argument("--cells", type=int, help=f"a half ({FULL})")
    made.add_argument("--images", type=int, help=f"a cell ({IMAGES})")
    made.add_argument("--seed", type=int, default=0, help="of the images")
    names = f"of calls:P% and {', '.join(PRESETS)} ({','.join(MODES)}; --small: {','.join(SMALL_MODES)})"
    made.add_argument("--modes", help=names.replace("%", "%%"))
    made.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/steering.jsonl"))
    made.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("out/steering_cache"))
    made.add_argument("--untold", action="store_true", help="models do not say what guidance did (another --out!)")
    made.add_argument("--against", type=pathlib.Path, help="an earlier --out: print what has changed since")
    made.add_argument("--jobs", type=int, default=2, help="processes, each with one thread (2)")
    made.add_argument("--report", action="store_true", help="only tables, from what is there")
    made.add_argument("--plan", action="store_true", help="only name the cells")
    return made


def chosen(half, count, available):
    """The cells of a half, or of both: ``count`` of each, and a third as many of ComfyUI's samplers, less those of
    networks and samplers that are not available. What is left out changes nothing about the others."""
    halves = matrix.HALVES if half == "both" else (half,)
    found = []
    for samplers, wanted in ((matrix.SAMPLERS, count), (matrix.COMFY_SAMPLERS, count // 3)):
        every = matrix.cells(samplers)
        for name in halves:
            found += matrix.thinned([cell for cell in every if cell.half == name], wanted)
    return [cell for cell in found if available(cell)]


def available():
    """A test of cells: can they be run here? Says on stderr what is left out."""
    left_out = set()
    if checkout() is None:
        left_out |= set(matrix.COMFY_SAMPLERS)
        sys.stderr.write("ComfyUI's samplers are left out: no ComfyUI at ~/comfy/ComfyUI; set COMFYUI_PATH to one\n")
    try:
        network(matrix.GALAXY)
    except FileNotFoundError as error:
        left_out.add(matrix.GALAXY)
        sys.stderr.write(f"{matrix.GALAXY} is left out: {error}\n")
    return lambda cell: cell.network not in left_out and cell.sampler not in left_out


def run(cells, modes, args, images, results):
    """Measure what the results lack. Raises what ``measure`` raises."""
    args.cache.mkdir(parents=True, exist_ok=True)
    todo = []
    for cell in cells:
        label = {"cell": cell.name, "images": images, "seed": args.seed}
        missing = [mode for mode in modes if results.get({**label, "mode": mode}) is None]
        todo += [(cell, missing, images, args.seed, args.cache, not args.untold)] if missing else []
    now = engine()
    for rows in progress(measured(todo, args.jobs), len(todo), "cells"):
        for row in rows:
            results.add({**row, "engine": now})


def main(argv=None):
    args = parser().parse_args(argv)
    modes = args.modes.split(",") if args.modes else SMALL_MODES if args.small else MODES
    for mode in modes:
        if mode not in PRESETS and not (mode.startswith("calls:") and mode.endswith("%")):
            sys.exit(f"steering: --modes has {mode!r}; expected calls:P% or one of {', '.join(PRESETS)}")
        Config.parse(mode)
    images = args.images or (SMALL_IMAGES if args.small else IMAGES)
    cells = chosen(args.half, args.cells or (SMALL if args.small else FULL), available())
    if args.plan:
        sys.stdout.write("".join(f"{cell.half}: {cell.name}\n" for cell in cells))
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    results = Results(args.out, key)
    if not args.report:
        run(cells, modes, args, images, results)
    labels = [(cell.name, images, args.seed, mode) for cell in cells for mode in modes]
    found = {label: results.rows[label] for label in labels if label in results.rows}
    if not found:
        sys.exit(f"steering: {args.out} has none of these {len(cells)} cells")
    older = {row["engine"] for row in found.values()} - {engine()}
    if older:
        sys.stderr.write(f"{args.out} has rows of other engines ({', '.join(sorted(older))}); expected another --out\n")
    sys.stdout.write(f"{len({label[0] for label in found})} cells, {images} images each, half {args.half}\n\n")
    sys.stdout.write(report.page(list(found.values())))
    if args.against:
        then = Results(args.against, key).rows
        sys.stdout.write(f"\n## Against {args.against.name}\n\n{report.against(found, then)}")


if __name__ == "__main__":
    main()
