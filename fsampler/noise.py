"""Does the sampler add noise of its own, and which noise has it added?

The first is seen from where it stands within its first step, so any sampler can be asked: a deterministic sampler's
state differs from Euler's by second-order terms, an ancestral or SDE one's by fresh noise of the order of the step
itself. The second is what its state holds beside the last REAL answer and the noise that was there then.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from torch import Tensor

from .measure import dot, rms
from .parts import WHOLE, Parts
from .schedule import MATCH, signal_level

THRESHOLD = 0.75  # of the step's own displacement; two-stage solvers at guidance 5 reach 0.52, ancestral ones pass 2
GAIN = 0.2  # how much of the fresh noise a prediction takes up
TINY = 1e-30


@dataclass(frozen=True)
class FirstAnswer:
    """The run's first REAL evaluation, kept until its first step is over: ``denoised`` and epsilon, ``[B, ...]``.

    step_begins: the schedule's sigma there, which is that of the evaluation but for rounding.
    """

    denoised: Tensor
    epsilon: Tensor
    sigma: float
    step_begins: float

    def euler_distance(self, state: Tensor, sigma: Tensor, parts: Parts = WHOLE) -> Tensor:
        """How far a state ``[B, ...]`` at ``sigma`` is from Euler's, over Euler's displacement; ``[B, 1, ..., 1]``, or
        of each of the ``parts``."""

        def distance(state: Tensor, denoised: Tensor, epsilon: Tensor) -> Tensor:
            expected = denoised + sigma * epsilon
            return rms(state - expected) / (abs(sigma - self.sigma) * rms(epsilon)).clamp_min(1e-12)

        return parts.each(distance, state, self.denoised, self.epsilon)

    def split(self, parts: Parts) -> list["FirstAnswer"]:
        """The answer of each part."""
        both = zip(parts.split(self.denoised), parts.split(self.epsilon), strict=True)
        return [replace(self, denoised=denoised, epsilon=epsilon) for denoised, epsilon in both]

    def shows_noise(self, distances: Iterable[float], sigma: float, step_end: float) -> bool:
        """The verdict on such distances at ``sigma``; only within the first step, which ends at ``step_end``.

        dpmpp_2s_ancestral evaluates twice at the first step's end: the first time without noise, the second with it.
        """
        return not below(sigma, step_end) and sigma < self.sigma and max(distances) > THRESHOLD


def below(sigma: float, step_end: float) -> bool:
    """Whether ``sigma`` is below the end of the first step, by more than rounding."""
    return sigma < step_end * (1 - MATCH)


def noise_in(x: Tensor, denoised: Tensor, sigma: float | Tensor, flow: bool) -> Tensor:
    """The noise that x holds beside ``denoised`` at ``sigma``, in units of x; all ``[B, ...]``, a new tensor.

    >>> import torch
    >>> noise_in(torch.tensor([[2.0]]), torch.tensor([[1.0]]), 0.25, flow=True)
    tensor([[1.2500]])
    """
    return x - signal_level(sigma, flow) * denoised


def innovation(x: Tensor, sigma: Tensor, denoised: Tensor, noise: Tensor, flow: bool) -> Tensor:
    """How the noise added since a REAL evaluation moves the prediction that rests on it; ``[B, ...]``, a new tensor.

    denoised, noise: the model's answer there, and what x held beside it (``noise_in``). What is left of that noise in x
    is projected out, so nothing need be known of the sampler. The move is ``GAIN`` times the rest; where noise
    outweighs the picture it falls as 1 / sigma, VE. Unrelated noise of equal size lowers SSIM: docs/measurements.md,
    "Fresh noise".
    """
    rest = noise_in(x, denoised, sigma, flow)
    fresh = rest.addcmul_(dot(rest, noise) / dot(noise, noise).clamp_min(TINY), noise, value=-1)
    return fresh.mul_((1 / sigma).clamp_max(GAIN / signal_level(sigma, flow)))
