"""A model that changes in mid-run: what its past may still say. ``python -m fsampler_research.benchmarks.changes``.

The guidance scale of the demo network jumps at a step, foreseen (as ComfyUI's scheduled conditioning is) or not. Rows:
what the engine does, which judges what comes by the back-tests since the change; and the same if curvatures from before
the change still counted ("kept"). Errors are of the worst image, over the tolerance; every image in a run of its own.
"""

import argparse
import contextlib
import statistics
import sys
from dataclasses import replace

import torch
from comfyui_fsampler.fsampler import PRESETS, Config, SkippingDenoiser
from comfyui_fsampler.fsampler.knowledge import Knowledge
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.bar import progress

from ..demo.problem import Denoiser, load_network, start
from ..demo.schedules import sigmas_for
from .markdown import rows

COLUMNS = (("flow", "simple", "euler"), ("eps", "karras", "euler"), ("eps", "simple", "dpmpp_2m"))
JUMPS = ((2.0, 5.0), (5.0, 2.0), (1.0, 5.0))
AT = (6, 9, 12)
MODES = ("balanced", "fast", "turbo")
STEPS = 20


@contextlib.contextmanager
def curvatures_kept():
    """Curvatures from before a change count as if the model had always been this one."""
    situation = Knowledge.situation
    Knowledge.situation = lambda self, *given: replace(situation(self, *given), model_since=0)
    try:
        yield
    finally:
        Knowledge.situation = situation


def run(network, column, jump, at, mode, image, seed, foreseen):
    """The final latent of one image, and the calls that it took; mode None is the full run."""
    prediction, schedule, sampler = column
    sigmas = sigmas_for(schedule, prediction, STEPS)
    labels, x = (both[image : image + 1] for both in start(image + 1, seed, prediction, float(sigmas[0])))
    before, after = (Denoiser(network, labels, prediction, cfg) for cfg in jump)
    calls, done = 0, []

    def model(x, sigma):
        nonlocal calls
        calls += 1
        return (before if float(sigma.flatten()[0]) > float(sigmas[at]) * (1 + 1e-4) else after)(x, sigma)

    if mode is None:
        return SOLVERS[sampler](model, x, sigmas, disable=True), calls
    denoiser = SkippingDenoiser(
        model, sigmas, Config.parse(mode), flow=prediction == "flow", changes={at} if foreseen else ()
    )

    def follow(state):
        done.append(state["i"])
        if not foreseen and state["i"] + 1 == at:
            denoiser.forget()

    return SOLVERS[sampler](denoiser, x, sigmas, callback=follow, disable=True), denoiser.finish().calls


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2, help="images a cell")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    network, found = load_network(), {}
    cells = [
        (column, jump, at, image) for column in COLUMNS for jump in JUMPS for at in AT for image in range(args.count)
    ]
    for column, jump, at, image in progress(cells, len(cells), "cells"):
        full, _ = run(network, column, jump, at, None, image, args.seed, True)
        for mode in MODES:
            for foreseen in (True, False):
                for kept in (False, True):
                    with curvatures_kept() if kept else contextlib.nullcontext():
                        result, calls = run(network, column, jump, at, mode, image, args.seed, foreseen)
                    error = float((result - full).norm() / full.norm()) / PRESETS[mode]
                    found.setdefault((mode, jump, foreseen, kept), []).append((calls, error))
    body = []
    for (mode, (low, high), foreseen, kept), scores in found.items():
        calls, errors = zip(*scores, strict=True)
        body.append(
            [
                mode,
                f"{low:g} to {high:g}",
                "foreseen" if foreseen else "not foreseen",
                "kept" if kept else "judged anew",
                f"{statistics.mean(calls):.1f}",
                f"{statistics.median(errors):.2f}",
                f"{max(errors):.2f}",
                f"{100 * sum(error <= 1 for error in errors) / len(errors):.0f} %",
            ]
        )
    header = ["mode", "CFG", "the change is", "curvatures", "mean calls of 20", "median error", "worst error", "within"]
    sys.stdout.write(rows(header, body))


if __name__ == "__main__":
    main()
