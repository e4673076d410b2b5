"""What a full run says of every plan, in a few kB an image: inner products of its answers.

What a plan would have predicted of a run, and what its gaps would have left, are combinations of the run's answers. So
their inner products are enough to judge a plan without the model (``recorded_plans``).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .response import Response

MOST_IMAGES = 4  # that a recording keeps: more say little that is new
MOST_STEPS = 200  # of a recorded run


@dataclass(frozen=True)
class Recording:
    """Of one or more full runs over one schedule, whose sampler asks once a step.

    sigmas: the schedule, S steps. flow: sigma is flow time. response: the sampler's (``response.probe``).
    products ``[B, 3 S, 3 S]``, float64: inner products of the S answers as epsilon, of the same as denoised, and of
    what guidance did to each, ``u - c`` as epsilon (zeros where it did nothing). Of elements that stand for the latent,
    so only their relations mean something. setting: in what the runs were made: ``{"sampler": "euler", "cfg": "5"}``.
    """

    sigmas: tuple[float, ...]
    flow: bool
    response: Response
    products: Tensor
    setting: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        sigmas: tuple[float, ...],
        flow: bool,
        response: Response,
        epsilon: Sequence[Tensor],
        denoised: Sequence[Tensor],
        guidance: Sequence[Tensor],
        setting: Mapping[str, str],
    ) -> Recording:
        """From each step's answer, ``[B, n]``, and what guidance did to it."""
        rows = torch.stack([*epsilon, *denoised, *guidance], dim=1)[:MOST_IMAGES].double()
        return cls(sigmas, flow, response, rows @ rows.transpose(1, 2), setting)

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def images(self) -> int:
        return len(self.products)

    @property
    def guided(self) -> bool:
        """Whether guidance did something."""
        return bool(self.products[:, 2 * self.steps :].any())

    def joined(self, newer: Recording) -> Recording:
        """With the images of a newer one, at most 4 in all. Raises ValueError where the schedules differ."""
        if self.sigmas != newer.sigmas or self.flow != newer.flow:
            raise ValueError(
                f"a run over {named(newer.sigmas)} beside one over {named(self.sigmas)}; expected one schedule"
            )
        return replace(newer, products=torch.cat([self.products, newer.products])[-MOST_IMAGES:])

    def newest(self, images: int) -> Recording:
        """The newest images alone."""
        return replace(self, products=self.products[-images:])

    @functools.cached_property
    def vectors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Epsilon, denoised and guidance of each step, ``[S, B, n]`` each, n at most 3 S, with these inner products."""
        values, directions = torch.linalg.eigh(self.products)
        rows = directions * values.clamp_min(0).sqrt()[:, None, :]
        epsilon, denoised, guidance = rows.transpose(0, 1).split(self.steps)
        return epsilon, denoised, guidance


def named(sigmas: Sequence[float]) -> str:
    """A schedule in a few words.

    >>> named([1.0, 0.75, 0.5, 0.25, 0.0])
    '4 steps from 1 over 0.5 to 0'
    """
    steps = len(sigmas) - 1
    return f"{steps} steps from {sigmas[0]:.4g} over {sigmas[steps // 2]:.4g} to {sigmas[-1]:.4g}"
