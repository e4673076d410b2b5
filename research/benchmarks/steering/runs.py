"""The runs of a cell: in full, with fewer steps, in a mode of ours, and holding answers at our steps."""

from typing import NamedTuple

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.samplers.common import euler_step, solve

REAL = "R"


def heun(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Heun's method in sigma, as Karras et al. 2022, arXiv 2206.00364, algorithm 1, without its noise."""

    def advance(history, target, _sigma_next, evaluate):
        sigma, x, denoised = history[0]
        there = euler_step(x, denoised, sigma, target)
        slopes = (x - denoised) / sigma, (there - evaluate(there, target)) / target
        return x + (target - sigma) * sum(slopes) / 2

    return solve(advance, model, x, sigmas, extra_args, callback)


OWN = {**SOLVERS, "heun": heun}


class Ours(NamedTuple):
    """A run of a mode: final latents, and its evaluations in order, one letter each: R called the model, S did not."""

    latents: torch.Tensor
    kinds: str

    @property
    def calls(self):
        return self.kinds.count(REAL)


class Runs:
    """Makes them in this process, for all images or some (a slice)."""

    def __init__(self, problem):
        self.problem, self.solver = problem, OWN[problem.cell.sampler]

    def full(self, steps=None, only=slice(None)):
        """Final latents of the bare sampler; of the cell's number of steps or another."""
        return self._solve(self.problem.sigmas(steps), lambda model: model, only)

    def ours(self, mode, only=slice(None)):
        sigmas = self.problem.sigmas()
        model, x = self.problem.begin(float(sigmas[0]), only)
        latents, report = sample(self.solver, model, x, sigmas, mode)
        return Ours(latents, "".join(record.kind[0] for record in report.records))

    def hold(self, kinds, only=slice(None)):
        """Final latents with the model called at the same evaluations and the last epsilon held in between."""
        return self._solve(self.problem.sigmas(), lambda model: Holding(model, kinds), only)

    def _solve(self, sigmas, around, only):
        model, x = self.problem.begin(float(sigmas[0]), only)
        return self.solver(around(model), x, sigmas.clone())


class Holding:
    """Calls the model where ``kinds`` says so; elsewhere the last answer's epsilon, (x - denoised) / sigma, holds."""

    def __init__(self, model, kinds):
        self.model, self.kinds = model, iter(kinds)
        self.epsilon = None

    def __call__(self, x, sigma):
        level = sigma.reshape(-1, *[1] * (x.ndim - 1))
        if next(self.kinds) == REAL:
            denoised = self.model(x, sigma)
            self.epsilon = (x - denoised) / level
            return denoised
        return x - level * self.epsilon
