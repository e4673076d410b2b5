"""One full run, remembered: what plans made of measured costs are made of."""

from typing import NamedTuple

import torch


class Recording(NamedTuple):
    """States and answers of a run in full at its steps: ``[steps, B, ...]`` each; ``values`` are epsilon.

    sigmas: the schedule, ``steps + 1`` floats.
    """

    sigmas: tuple[float, ...]
    states: torch.Tensor
    values: torch.Tensor

    @property
    def steps(self):
        return len(self.sigmas) - 1

    @property
    def lengths(self):
        """How far sigma moves in each step, ``[steps]``, negative; float64."""
        return torch.tensor(self.sigmas, dtype=torch.float64).diff()


def record(solver, model, x, sigmas, **options):
    """The ``Recording`` of a sampler with one evaluation at the beginning of each step.

    Raises ValueError for another number of evaluations.
    """
    states, values = [], []

    def watched(x, sigma, **extra):
        denoised = model(x, sigma, **extra)
        states.append(x.clone())
        values.append((x - denoised) / sigma.reshape(-1, *[1] * (x.ndim - 1)))
        return denoised

    solver(watched, x, sigmas, **options)
    if len(states) != len(sigmas) - 1:
        raise ValueError(f"{len(states)} evaluations in {len(sigmas) - 1} steps; expected one a step")
    return Recording(tuple(sigmas.tolist()), torch.stack(states), torch.stack(values))
