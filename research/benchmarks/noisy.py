"""Samplers that add noise: ours against the full run with the same noise, beside fewer steps and holding.

    python -m fsampler_research.benchmarks.noisy --kin

Rows are sampler x network x guidance scale, on flow and VE schedules in turn, of 20 and 30 steps; all are of the half
that nothing was tuned on (``--half tune`` has the others). Needs ComfyUI, whose samplers they are.

The noise of a run is a path over sigma (``steering.noise_path``): the full run, ours and held runs add the very same,
and fewer steps add what the full run adds over the same stretch of sigma. So what is compared is one picture, and fewer
steps come as near it as they can. Not so for ``lcm``, which keeps nothing of a state's noise: no number of steps has
noise that another one's would be the sum of, and its fewer steps are another picture of the same class.

A preset stands alone, with what it calls and how near it comes to its tolerance: it makes other calls in every run.

Rows are kept in ``--out``, and what does not depend on the engine in ``--cache``, as those of ``steering``.
"""

import argparse
import itertools
import pathlib
import statistics
import sys

from comfyui_fsampler.fsampler import PRESETS
from comfyui_fsampler.tools.bar import progress

from ..demo.comfyui import checkout
from .markdown import rows as table
from .steering.__main__ import key
from .steering.matrix import HALVES, NETWORKS, NOISY_SAMPLERS, Cell
from .steering.pool import measured
from .versus.play import engine
from .versus.results import Results

MAIN = NOISY_SAMPLERS[:3]
KINDS = (("flow", "simple", 3.0), ("eps", "karras", None), ("flow", "beta", 3.0), ("eps", "normal", None))
CFGS = (1.0, 3.0, 5.0, 7.0)
STEPS = (20, 30)
BUDGETS = ("calls:75%", "calls:60%")
MODES = (*BUDGETS, "balanced", "fast", "turbo")
RIVALS = {"ours": "", "fewer steps": "fewer_", "denoised held": "hold_", "epsilon held": "hold_epsilon_"}


def cells(half, samplers=MAIN, cfgs=CFGS, networks=NETWORKS):
    """One cell of that half for each sampler, network and guidance scale; what is left out changes no other.

    Kinds and steps take turns, from another one on for each network, so that no guidance scale keeps to one kind.
    """
    found = []
    for number, (sampler, network, cfg) in enumerate(itertools.product(NOISY_SAMPLERS, NETWORKS, CFGS)):
        every = [Cell(network, *kind, sampler, cfg, steps) for steps in STEPS for kind in KINDS]
        begin = number + number // len(CFGS)
        turned = (every[(begin + i) % len(every)] for i in range(len(every)))
        if sampler in samplers and network in networks and cfg in cfgs:
            found += [cell for cell in turned if cell.half == half][:1]
    return found


def by_network(rows, mode):
    """PSNR and SSIM of ours and of each rival, by sampler, network and guidance."""
    body = []
    for row in (row for row in rows if row["mode"] == mode):
        cell = Cell(*(row[field] for field in Cell._fields))
        scores = [f"{row[f'{name}psnr']:.1f} / {row[f'{name}ssim']:.3f}" for name in RIVALS.values()]
        calls = f"{row['calls']:.0f} of {row['evaluations']}"
        where = f"{cell.prediction} {cell.schedule}"
        body.append([cell.sampler, cell.network, f"{cell.cfg:g}", where, calls, *scores])
    return table(["sampler", "network", "CFG", "schedule", "calls", *RIVALS], body)


def summary(rows):
    """Means by sampler and mode, and in how many cells each rival is better, in PSNR and in SSIM."""
    groups = {}
    for row in rows:
        groups.setdefault((row["sampler"], row["mode"]), []).append(row)
    body = []
    for (sampler, mode), of in groups.items():
        share = 100 * statistics.fmean(row["calls"] / row["evaluations"] for row in of)
        scores = [
            f"{statistics.fmean(row[f'{name}psnr'] for row in of):.1f} / "
            f"{statistics.fmean(row[f'{name}ssim'] for row in of):.3f}"
            for name in RIVALS.values()
        ]
        lost = [
            " + ".join(str(sum(row[figure] < row[f"{name}{figure}"] for row in of)) for figure in ("psnr", "ssim"))
            for name in RIVALS.values()
            if name
        ]
        body.append([sampler, mode, len(of), f"{share:.0f} %", *scores, *lost])
    header = ["sampler", "mode", "cells", "calls", *RIVALS, *(f"lost to {name}" for name in RIVALS if RIVALS[name])]
    return table(header, body)


def presets(rows):
    """By preset and sampler: the calls, all and at CFG 1, and the error of the worst image over the tolerance."""
    groups = {}
    for row in rows:
        groups.setdefault((row["mode"], row["sampler"]), []).append(row)
    body = []
    for (mode, sampler), of in groups.items():
        shares = [(row["cfg"], 100 * row["calls"] / row["evaluations"]) for row in of]
        alone = [share for cfg, share in shares if cfg == 1]
        calls = [f"{statistics.fmean(each):.0f} %" if each else "" for each in ([share for _, share in shares], alone)]
        over = [row["error"] / row["tolerance"] for row in of]
        lost = sum(ratio > 1 for ratio in over)
        body.append([mode, sampler, len(of), *calls, f"{statistics.median(over):.2f}", lost, f"{max(over):.1f}"])
    return table(
        ["preset", "sampler", "cells", "calls", "at CFG 1", "median error / tolerance", "cells above 1", "most"], body
    )


def page(rows):
    """Everything of some rows; PSNR in dB / SSIM against the full run, cells lost in PSNR + in SSIM."""
    steered = [row for row in rows if "tolerance" in row]
    rest = [row for row in rows if "tolerance" not in row]
    parts = ([summary(rest)] if rest else []) + ([presets(steered)] if steered else [])
    parts += [f"{mode}:\n\n{by_network(rest, mode)}" for mode in dict.fromkeys(row["mode"] for row in rest)]
    return "\n".join(parts)


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--half", choices=HALVES, default="report")
    made.add_argument("--kin", action="store_true", help=f"beside {', '.join(MAIN)} also their kin")
    made.add_argument("--samplers", help=f"of {', '.join(NOISY_SAMPLERS)}")
    made.add_argument("--networks", default=",".join(NETWORKS))
    made.add_argument("--modes", default=",".join(MODES), help=f"of calls:P%% and {', '.join(PRESETS)}")
    made.add_argument("--cfg", type=float, nargs="+", default=CFGS, choices=CFGS)
    made.add_argument("--images", type=int, default=2, help="a cell")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--jobs", type=int, default=1)
    made.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/noisy.jsonl"))
    made.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("out/steering_cache"))
    return made


def main(argv=None):
    args = parser().parse_args(argv)
    if checkout() is None:
        sys.exit("noisy: no ComfyUI at ~/comfy/ComfyUI; set COMFYUI_PATH to one")
    samplers = args.samplers.split(",") if args.samplers else NOISY_SAMPLERS if args.kin else MAIN
    chosen, modes = cells(args.half, samplers, args.cfg, args.networks.split(",")), args.modes.split(",")
    args.cache.mkdir(parents=True, exist_ok=True)
    results, todo, now = Results(args.out, key), [], engine()
    for cell in chosen:
        label = {"cell": cell.name, "images": args.images, "seed": args.seed}
        missing = [mode for mode in modes if results.get({**label, "mode": mode}) is None]
        for alone in (False, True):
            wanted = [mode for mode in missing if (mode in PRESETS) == alone]
            todo += [(cell, wanted, args.images, args.seed, args.cache, True, None, alone)] if wanted else []
    for rows in progress(measured(todo, args.jobs), len(todo), "cells"):
        for row in rows:
            results.add({**row, "engine": now})
    labels = [(cell.name, args.images, args.seed, mode) for cell in chosen for mode in modes]
    sys.stdout.write(page([results.rows[label] for label in labels]))


if __name__ == "__main__":
    main()
