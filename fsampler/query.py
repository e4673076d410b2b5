"""What the sampler asks at one evaluation, and where in the schedule that belongs."""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .notes import Note
from .schedule import MATCH, coincide

LOOKED_AT = 8  # evaluations that show how a sampler goes
MOST_RETURN = 2  # steps
Model = Callable[..., Tensor]  # (x [B, ...], sigma [B] or 0-d, **extra) -> denoised [B, ...]


@dataclass(frozen=True)
class Query:
    """One evaluation the sampler asks for; nothing in it has left the device.

    x ``[B, ...]``, asked_sigma ``[B]`` or 0-d, extra: as the sampler gave them; the model gets these.
    state ``[B, ...]``: x in float32 or wider; x itself where it is that already.
    sigma: 0-d, on the device and in the dtype of ``state``, rounding to half precision undone.
    """

    x: Tensor
    asked_sigma: Tensor
    extra: Mapping[str, Any]
    state: Tensor
    sigma: Tensor


@dataclass(frozen=True)
class Place:
    """Where an evaluation stands: its number and its step, both from 0, and sigma there and at the step's end.

    first: it is the first evaluation of its step.
    """

    evaluation: int
    step: int
    sigma: float
    sigma_next: float
    first: bool


class QueryReader:
    """Makes a ``Query`` of what a sampler asks, in the precision that the run began with."""

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.sigmas = sigmas
        self._shape: torch.Size | None = None
        self._schedule: Tensor | None = None

    def read(self, x: Tensor, sigma: Tensor, extra: Mapping[str, Any]) -> Query:
        """Raises ValueError unless x is a floating-point batch ``[B, ...]`` that needs no gradient."""
        if x.requires_grad:
            raise ValueError("x requires grad; expected a latent to sample from (call x.detach())")
        if not x.is_floating_point() or x.ndim < 2 or not x.numel():
            raise ValueError(f"x is {x.dtype} {tuple(x.shape)}; expected a non-empty floating-point batch [B, ...]")
        if self._schedule is None:
            wide = torch.promote_types(x.dtype, torch.float32)
            self._shape, self._schedule = x.shape, torch.tensor(self.sigmas, dtype=wide, device=x.device)
        wide = self._schedule.dtype  # kept where a sampler goes on in another precision (float64 sigmas)
        level = unround(sigma.flatten()[:1].to(x.device), self._schedule)[0].to(wide)
        return Query(x, sigma, extra, x.to(wide), level)

    def anomaly(self, x: Tensor) -> Note | None:
        """Why an x cannot be the continuation of those before, or None."""
        if self._shape in (None, x.shape):
            return None
        return Note("latent-size", f"the latent changed from {tuple(self._shape or ())} to {tuple(x.shape)}")

    @property
    def elements(self) -> int:
        """Elements of a sample of x; 0 before the first query."""
        return self._shape[1:].numel() if self._shape else 0


def unround(sigmas: Tensor, schedule: Tensor) -> Tensor:
    """Sigmas ``[n]`` in float32 or wider; those that half precision has rounded become the schedule's own again.

    Samplers multiply the schedule by ones of the latent's dtype, so half-precision latents make such sigmas.
    ``schedule`` must be on their device: copied there at every evaluation, it would make the host wait each time.
    """
    rounding = torch.finfo(sigmas.dtype).eps
    exact = sigmas.to(torch.promote_types(sigmas.dtype, torch.float32))
    if rounding < MATCH:
        return exact
    nearest = schedule[(schedule - exact[:, None]).abs().argmin(dim=1)]
    return torch.where((nearest - exact).abs() <= rounding * exact, nearest, exact)


class StepLocator:
    """Follows the sigmas that a sampler asks for and says which step each belongs to.

    Sigma alone does not tell: heun's second evaluation shares its sigma with the next step's first. But a sampler that
    does so evaluates the same sigma twice in a row, before the first step that may be skipped.

    shares_ends: whether it is known to do so.
    """

    def __init__(self, sigmas: Sequence[float], shares_ends: bool = False) -> None:
        self.sigmas, self.shares_ends = sigmas, shares_ends
        self.place: Place | None = None  # the newest
        self._ascending = [-sigma for sigma in sigmas]
        self._last: float | None = None
        self._reached = 0
        self._returns = 0  # steps that the sampler goes back after looking ahead

    def anomaly(self, sigma: float) -> Note | None:
        """Why the next evaluation cannot be at ``sigma`` in one fall from noise to picture, or None.

        A sampler may look ahead and return (heunpp2). What it returns by, at most 2 steps, shows in its first
        evaluations, before the first skip; a rise beyond that is a restart, a loop or another trajectory.
        """
        last = self.place
        if last is None or sigma <= last.sigma * (1 + MATCH):
            return None
        back = self._nearest(last.sigma) - self._nearest(sigma)
        if last.evaluation < LOOKED_AT and back <= MOST_RETURN:
            self._returns = max(self._returns, back)
        if back <= self._returns:
            return None
        text = f"sigma rises from {last.sigma:.5g} to {sigma:.5g}, as for a restart or a second trajectory"
        return Note("sigma-rises", text)

    def next_place(self, sigma: float) -> Place:
        """The place of the next evaluation, which is at ``sigma``."""
        step, last = self.locate(sigma), self.place
        evaluation = 0 if last is None else last.evaluation + 1
        first = last is None or last.step != step
        self.place = Place(evaluation, step, sigma, self.sigmas[step + 1], first)
        return self.place

    def locate(self, sigma: float) -> int:
        """The step, from 0, of an evaluation at ``sigma``, the next one after the sigma located before."""
        step = self._nearest(sigma)
        on_node = coincide(sigma, self.sigmas[step])
        repeated = self._last is not None and coincide(sigma, self._last)
        self._last = sigma
        if on_node and step > 0 and repeated:
            self.shares_ends = True
        elif on_node and step > 0 and self.shares_ends:
            step -= 1
        # Never back: a sampler that looks ahead and returns (heunpp2) is in the furthest step it has asked for.
        self._reached = max(self._reached, min(step, len(self.sigmas) - 2))
        return self._reached

    def _nearest(self, sigma: float) -> int:
        """The last step whose sigma is not below the given one; a sigma above the schedule belongs to step 0."""
        return max(bisect.bisect_right(self._ascending, -sigma * (1 - MATCH)) - 1, 0)
