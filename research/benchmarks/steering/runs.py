"""The runs of a cell: in full, with fewer steps, in a mode of ours, and holding answers at our steps."""

from typing import NamedTuple

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.samplers.common import euler_step, solve

from .matrix import NOISY_SAMPLERS

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
    """Makes them in this process, for all images or some (a slice).

    solver: the cell's, unless it is one of ours. One that adds noise takes ``first``, the number of the first image.
    """

    def __init__(self, problem, solver=None):
        self.problem, self.solver = problem, solver or OWN[problem.cell.sampler]
        self.noisy = problem.cell.sampler in NOISY_SAMPLERS

    def full(self, steps=None, only=slice(None)):
        """Final latents of the bare sampler; of the cell's number of steps or another."""
        return self._solve(self.problem.sigmas(steps), lambda model: model, only)

    def ours(self, mode, only=slice(None)):
        sigmas = self.problem.sigmas()
        model, x = self.problem.begin(float(sigmas[0]), only)
        latents, report = sample(self.solver, model, x, sigmas, mode, solver_options=self._options(only))
        return Ours(latents, "".join(record.kind[0] for record in report.records))

    def hold(self, kinds, only=slice(None)):
        """Final latents with the model called at the same evaluations and the last answer held in between."""
        return self._solve(self.problem.sigmas(), lambda model: Holding(model, kinds, self.noisy), only)

    def hold_epsilon(self, kinds, only=slice(None)):
        """As ``hold``, but the last epsilon is held whether the sampler adds noise or not."""
        return self._solve(self.problem.sigmas(), lambda model: Holding(model, kinds), only)

    def _solve(self, sigmas, around, only):
        model, x = self.problem.begin(float(sigmas[0]), only)
        return self.solver(around(model), x, sigmas, **self._options(only))

    def _options(self, only):
        return {"first": only.start or 0} if self.noisy else {}


class Holding:
    """Calls the model where ``kinds`` says so; elsewhere the last answer holds: its epsilon, (x - denoised) / sigma, or
    under a sampler that adds noise its denoised."""

    def __init__(self, model, kinds, noisy=False):
        self.model, self.kinds, self.noisy = model, iter(kinds), noisy
        self.epsilon = self.denoised = None

    def __call__(self, x, sigma):
        level = sigma.reshape(-1, *[1] * (x.ndim - 1))
        if next(self.kinds) == REAL:
            self.denoised = self.model(x, sigma)
            self.epsilon = (x - self.denoised) / level
            return self.denoised
        return self.denoised if self.noisy else x - level * self.epsilon
