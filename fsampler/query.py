"""What the sampler asks at one evaluation, and whether that continues what it asked before."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from .location import Place
from .measure import Measured, dot, traced
from .notes import Note
from .parts import WHOLE, Parts, joined
from .schedule import MATCH, coincide

TRACED = 256  # elements of a sample that are kept to tell whether the next x continues this one
FEWEST_TRACED = 64  # in fewer, unrelated noise may look alike
# Squared distance of two x at one sigma, over the sum of their squares: 1 for unrelated noise. Before anything moves it
# is 0; later a sampler with few steps and noise between its evaluations may come past a half.
UNRELATED_AT_FIRST = 0.4
UNRELATED = 0.8
TINY = 1e-30
Model = Callable[..., Tensor]  # (x [B, ...], sigma [B] or 0-d, **extra) -> denoised [B, ...]


@dataclass(frozen=True)
class Query:
    """One evaluation the sampler asks for; nothing in it has left the device.

    x ``[B, ...]``, asked_sigma ``[B]`` or 0-d, extra: as the sampler gave them; the model gets these.
    state ``[B, ...]``: x in float32 or wider; x itself where it is that already.
    sigma: 0-d, on the device and in the dtype of ``state``, rounding to half precision undone.
    apart ``[B, 1]``: the squared distance of x from the x before, over the sum of their squares, of a pack for each
    part; None at first.
    spread: 0-d, how far the samples' sigmas are from each other; None where there is one.
    """

    x: Tensor
    asked_sigma: Tensor
    extra: Mapping[str, Any]
    state: Tensor
    sigma: Tensor
    apart: Tensor | None = None
    spread: Tensor | None = None


@dataclass(frozen=True)
class Trace:
    """What is kept of one part of an x: some of its elements, ``[B, n]``, and their squared length, ``[B, 1]``."""

    elements: Tensor
    squared: Tensor

    @classmethod
    def of(cls, part: Tensor, dtype: torch.dtype) -> "Trace":
        elements = traced(part, TRACED).to(dtype, copy=True)
        return cls(elements, dot(elements, elements))

    @property
    def tells(self) -> bool:
        """Whether it is long enough to tell one latent from another."""
        return self.elements.shape[1] >= FEWEST_TRACED

    def apart(self, before: "Trace") -> Tensor:
        """``Query.apart`` from an earlier one, ``[B, 1]``."""
        moved = self.elements - before.elements
        return dot(moved, moved) / (self.squared + before.squared).clamp_min(TINY)


class QueryReader:
    """Makes a ``Query`` of what a sampler asks, in the precision that the run began with.

    sigmas: all that it is expected to ask for. parts: of x.
    """

    def __init__(self, sigmas: Sequence[float], parts: Parts = WHOLE) -> None:
        self.sigmas, self.parts = sigmas, parts
        self._shape: torch.Size | None = None
        self._schedule: Tensor | None = None
        self._traces: list[Trace] = []  # of each part of the x before

    def read(self, x: Tensor, sigma: Tensor, extra: Mapping[str, Any]) -> Query:
        """Raises ValueError unless x is a floating-point batch ``[B, ...]`` without gradient, as large as its parts."""
        if x.requires_grad:
            raise ValueError("x requires grad; expected a latent to sample from (call x.detach())")
        if not x.is_floating_point() or x.ndim < 2 or not x.numel():
            raise ValueError(f"x is {x.dtype} {tuple(x.shape)}; expected a non-empty floating-point batch [B, ...]")
        if self.parts.sizes and sum(self.parts.sizes) != x.shape[-1]:
            raise ValueError(
                f"parts of {[*self.parts.sizes]} elements of x {tuple(x.shape)}; expected its last dimension"
            )
        if self._schedule is None:
            wide = torch.promote_types(x.dtype, torch.float32)
            self._shape, self._schedule = x.shape, torch.tensor(self.sigmas, dtype=wide, device=x.device)
        wide = self._schedule.dtype  # kept where a sampler goes on in another precision (float64 sigmas)
        level = unround(sigma.flatten()[:1].to(x.device), self._schedule)[0].to(wide)
        spread = sigma.amax() - sigma.amin() if sigma.numel() > 1 else None
        return Query(x, sigma, extra, x.to(wide), level, self._apart(x, wide), spread)

    def _apart(self, x: Tensor, wide: torch.dtype) -> Tensor | None:
        """``Query.apart``; keeps what the next x needs of this one."""
        before, self._traces = self._traces, [Trace.of(part, wide) for part in self.parts.split(x)]
        found = [now.apart(then) for now, then in zip(self._traces, before, strict=False) if now.tells]
        return joined(found) if found else None

    def anomaly(self, x: Tensor) -> Note | None:
        """Why an x cannot be the continuation of those before, whatever is in it; or None."""
        if self._schedule is None or (self._shape == x.shape and self._schedule.device == x.device):
            return None
        before, now = f"{tuple(self._shape or ())} on {self._schedule.device}", f"{tuple(x.shape)} on {x.device}"
        return Note("latent-changed", f"the latent changed from {before} to {now}")

    @property
    def elements(self) -> list[int]:
        """Elements of each sample of x, of a pack of each of its parts' samples; none before the first query."""
        if not self._shape:
            return []
        samples, *rows, columns = self._shape
        return [math.prod(rows) * size for size in self.parts.sizes or (columns,) for _ in range(samples)]


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


def misfit(measured: Measured, last: Place | None, repeats: bool) -> Note | None:
    """Why what was measured of an evaluation cannot continue the one before, which was at ``last``; or None.

    repeats: the sampler is known to ask twice at this sigma, as heun does; in a coarse schedule the two differ much.
    Between two sigmas a sampler may put as much fresh noise as it likes.
    """
    if measured.spread:
        return Note("told-sigma", "the samples of the batch are told different sigmas")
    if _overflows(measured):
        return Note("values-too-large", "the latent's values are so large that their squares overflow in float32")
    if measured.apart is None or last is None or repeats or not coincide(measured.sigma, last.sigma):
        return None
    if max(measured.apart) < (UNRELATED if last.evaluation > 0 else UNRELATED_AT_FIRST):
        return None
    text = f"two latents that have nothing to do with each other are asked about at sigma {last.sigma:.5g}"
    return Note("unrelated-latents", text)


def _overflows(measured: Measured) -> bool:
    """Whether squares of finite values are not finite. What the model said is judged elsewhere."""
    if measured.previous and any(measured.previous.nonfinite):
        return False
    last = measured.forecast.last if measured.forecast else ()
    return not all(math.isfinite(figure) for figure in (*last, *(measured.apart or ())))


def is_answer(answer: object, query: Query) -> TypeGuard[Tensor]:
    """Whether the model has answered one tensor ``[B, ...]`` like x: its shape, its device, and floating-point numbers
    that the run's precision holds."""
    if not isinstance(answer, Tensor) or answer.shape != query.x.shape or answer.device != query.x.device:
        return False
    held = torch.promote_types(answer.dtype, query.x.dtype) in (query.x.dtype, query.state.dtype)
    return answer.is_floating_point() and held
