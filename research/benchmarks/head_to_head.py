"""Ours against its rivals in a real ComfyUI: ``python -m fsampler_research.benchmarks.head_to_head``.

A full run of each cell (model x sampler x schedule x steps x guidance scale) is the reference; then come FSampler with
every number of calls, its presets, fewer steps, core's caches, other solvers, and other packs whose checkout a variable
names: $ORIGINAL_FSAMPLER the original FSampler pack, $SPECTRUM_SDXL ComfyUI-Spectrum-sdxl. --out gets results.jsonl, a
row a run as soon as it is finished; the next call goes on where one stopped. Then tables (runs.md, lost.md), curves/
and the page, benchmarks.md. The full matrix takes months of a CPU: choose, and ask --plan first; --published is
docs/benchmarks.md. ComfyUI is found as the tests find it ($COMFYUI_PATH, ~/comfy/ComfyUI).
"""

import argparse
import pathlib
import shlex
import sys

from comfyui_fsampler.tools.bar import Bar

from ..demo.comfyui import checkout
from ..demo.problem import WEIGHTS
from .versus import matrix, play, published, report
from .versus.link import Worker, WorkerDied
from .versus.results import Results
from .versus.rivals import named_packs

QUICK = {"images": 4, "points": 4}


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for axis, values in matrix.AXES.items():
        made.add_argument(f"--{axis}", help=f"some of {','.join(map(matrix.text, values))} (all)")
    made.add_argument("--images", type=int, help="images a cell, each with noise of its own (64)")
    made.add_argument("--batch", type=int, help="images a run, the others in further runs (all)")
    made.add_argument("--points", type=int, help="at most so many numbers of calls a rival (all); ours gets all")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--quick", action="store_true", help="four images, few cells and points: under five minutes")
    made.add_argument("--published", action="store_true", help="the cells of docs/benchmarks.md, as made for it")
    made.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/head_to_head"))
    made.add_argument("--page", type=pathlib.Path, help="also the page and its curves here: docs/benchmarks.md")
    made.add_argument("--again", default="", help="rivals to run again: ours where the engine has changed, failed runs")
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="ComfyUI's")
    made.add_argument("--threads", type=int, default=0, help="of ComfyUI's torch (its own default)")
    made.add_argument("--plan", action="store_true", help="say what is to be run, and run nothing")
    made.add_argument("--report", action="store_true", help="only tables, curves and page, from what is there")
    return made


def chosen(args):
    """The parts of the matrix that a command line selects, each the values of its axes; and the conditions of the rows.

    Raises ValueError for what is not offered.
    """
    given = {axis: matrix.choose(axis, getattr(args, axis)) for axis in matrix.AXES if getattr(args, axis)}
    if args.published and (given or args.quick):
        raise ValueError("--published is a selection of its own; expected no other beside it")
    parts = published.selections() if args.published else [(matrix.QUICK if args.quick else matrix.AXES) | given]
    if not WEIGHTS.with_name("transformer.safetensors").exists():
        kept = [part | {"models": _without_transformer(part["models"])} for part in parts]
        if kept != parts:
            sys.stderr.write("dit-flow is left out: research/demo/transformer.safetensors is not there\n")
        parts = kept
    for name in ("images", "batch", "points"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ValueError(f"--{name} is {getattr(args, name)}; expected 1 or more")
    images = args.images or defaults(args)["images"]
    return parts, {"images": images, "batch": min(args.batch or images, images), "seed": args.seed}


def _without_transformer(models):
    return tuple(model for model in models if matrix.MODELS[model][0] != "dit")


def defaults(args):
    """Images a cell, and how many numbers of calls a rival gets at most (None for all)."""
    return QUICK if args.quick else published.DEFAULTS if args.published else {"images": 64, "points": None}


def run(args, cells, conditions, results):
    """Make what is missing. Raises WorkerDied when ComfyUI does not start or a run of ours ends it."""
    folder = checkout()
    if folder is None:
        raise FileNotFoundError("no ComfyUI at ~/comfy/ComfyUI; set COMFYUI_PATH to a checkout")
    points, again = args.points or defaults(args)["points"], args.again.split(",")
    if args.plan:
        todo = play.pending(cells, conditions, results, points, named_packs(), again)
        calls = conditions["images"] * sum(play.most_calls(job) for job in {run.job for _, run, _ in todo})
        sys.stdout.write(f"{len(cells)} cells, {len(todo)} runs to make, at most {calls} evaluations of an image\n")
        return
    with Worker(folder, args.out / "worker.log", **conditions, device=args.device, threads=args.threads) as worker:
        for variable in set(named_packs()) - set(worker.there["packs"]):
            sys.stderr.write(f"${variable} is left out: ComfyUI could not load it ({args.out / 'worker.log'})\n")
        results.facts({"comfyui": worker.there["comfyui"]})
        todo = play.pending(cells, conditions, results, points, worker.there["packs"], again)
        with Bar("runs", len(todo)) as bar:
            play.play(todo, worker, results, bar)


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        parts, conditions = chosen(args)
        args.out.mkdir(parents=True, exist_ok=True)
        results = Results(args.out / "results.jsonl")
        cells = list(dict.fromkeys(cell for part in parts for cell in matrix.cells(**part)))
        if not args.report:
            run(args, cells, conditions, results)
    except (ValueError, OSError, WorkerDied) as error:
        sys.exit(f"head_to_head: {error}")
    except KeyboardInterrupt:
        sys.exit("head_to_head: stopped; the same command goes on from here")
    if not args.plan:
        given = sys.argv[1:] if argv is None else argv
        command = shlex.join(["python", "-m", "fsampler_research.benchmarks.head_to_head", *given])
        report.write(args, parts, conditions, cells, results, command)


if __name__ == "__main__":
    main()
