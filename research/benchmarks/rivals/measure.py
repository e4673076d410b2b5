"""Measuring a cell: ours, and every rival with as many calls, against the full run."""

import functools

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS

from ...rivals import budcache
from ...rivals.pfdiff import sample_pfdiff, schedule
from ...rivals.recording import record
from ...rivals.steps import AtSteps
from ..steering.measure import fewer_steps, mean, resolved, score
from ..steering.problem import Problem
from ..steering.runs import REAL, Runs
from .entries import EULER, FEWER, FULL, OURS, PFDIFF, RIVALS, SEARCHED, SOLVED, Known

ELSEWHERE = 1000  # added to the seed: the images of the recorded run
SOLUTION = "dpmpp_2m", 60  # sampler and steps that stand for the exact solution of the sampling equation


class Rivals:
    """Makes the runs of a problem at given REAL steps.

    known: of a recorded run of other images, as plans made beforehand are.
    """

    def __init__(self, problem):
        self.problem, self.runs = problem, Runs(problem)
        self.sigmas = problem.sigmas()
        self.full = self.runs.full()

    @functools.cached_property
    def known(self):
        other = Problem(self.problem.cell, self.problem.images, self.problem.seed + ELSEWHERE, size=self.problem.size)
        return Known(record(self.runs.solver, *other.begin(float(self.sigmas[0])), self.sigmas))

    @functools.cached_property
    def solution(self):
        """What the sampling equation itself leads to. Where the full run takes long steps it is not that."""
        name, steps = SOLUTION
        return Runs(self.problem, SOLVERS[name]).full(max(steps, self.problem.cell.steps))

    def run(self, rival, real):
        """Final latents and the report."""
        options = {"policy": AtSteps(frozenset(real))}
        if rival.predictor is not None:
            options |= {"predictor": rival.predictor(self.known, real), "space": rival.space, "correct": False}
        return sample(self.runs.solver, *self.problem.begin(float(self.sigmas[0])), self.sigmas, **options)

    def pfdiff(self, calls):
        """Final latents and the number of calls."""
        sigmas = schedule(self.problem.sigmas, calls)
        return sample_pfdiff(*self.problem.begin(float(sigmas[0])), sigmas), len(sigmas) // 2

    def search(self, real, evaluations):
        """The REAL steps at which holding comes nearest to these images' full run, as far as the search goes."""
        hold = RIVALS["hold, our steps"]

        def loss(steps):
            return float((self.run(hold, steps)[0] - self.full).square().mean())

        starts = [real, self.known.planned(0, len(real))]
        return budcache.search(loss, len(self.sigmas) - 1, starts, evaluations)


def measure(cell, wanted, images, seed, searched=0, size=None):
    """The rows of a cell, one for each ``(mode, rival)`` wanted, and of each mode one of ours and one of the full run.

    searched: runs that the search may spend; size: pixels a side, None is the network's own. Raises FloatingPointError
    for a full run in numbers that are none.
    """
    made = Rivals(problem := Problem(cell, images, seed, size=size))
    if not torch.isfinite(made.full).all():
        raise FloatingPointError(f"the full run of {cell.name} is not finite")
    rows = []
    for mode in dict.fromkeys(mode for mode, _ in wanted):
        ours = made.runs.ours(resolved(mode, problem))
        label = {**cell._asdict(), "cell": cell.name, "half": cell.half, "images": images, "seed": seed, "size": size}
        label |= {"mode": mode, "evaluations": len(made.sigmas) - 1}
        found = {OURS: (ours.latents, ours.calls, 0), FULL: (made.full, label["evaluations"], 0)}
        real = tuple(step for step, kind in enumerate(ours.kinds) if kind == REAL)
        found |= {name: one(made, name, real, searched) for asked, name in wanted if asked == mode}
        for name, (latents, calls, refused) in found.items():
            scores = score(problem, latents, made.full)
            figures = {figure: mean(scores, i) for i, figure in enumerate(("ssim", "psnr"))}
            figures["error"] = round(max(error for _, _, error in scores), 6)  # of the worst image
            if cell.sampler == EULER and name in SOLVED:
                figures["solution_psnr"] = mean(score(problem, latents, made.solution), 1)
            rows.append({**label, "rival": name, "calls": calls, "refused": refused, **figures})
    return rows


def one(made, name, real, searched):
    """A rival's final latents, its calls, and how many of its predictions the engine's validators refused."""
    calls = len(real)
    if name == FEWER:
        steps = fewer_steps(made.problem, calls)
        return made.runs.full(steps), len(made.problem.sigmas(steps)) - 1, 0
    if name == PFDIFF:
        return *made.pfdiff(calls), 0
    rival = RIVALS["hold, our steps"] if name == SEARCHED else RIVALS[name]
    if name == SEARCHED:
        real = made.search(real, searched)
    elif rival.steps is not None:
        real = rival.steps(made.known, calls)
    latents, report = made.run(rival, real)
    return latents, report.calls, sum(record.reason.startswith("held") for record in report.records)
