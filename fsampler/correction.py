"""Correction after a gap: at the next REAL step the skipped values can be interpolated, which is an order better.

``OpenGap`` collects what was used; its ``delta`` is how far the state is off at the REAL evaluation that ends the gap.
``DeferredCorrection`` changes the answers that the sampler is still to get, so that it goes on from the corrected
state; ``value_shift`` is what the model would have said there. ``Correction`` holds both for a run. No model call is
spent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .history import Entry, History
from .location import Place
from .parameterization import encode
from .response import Response

NEUTRAL_GAIN = 0.4  # trend gain at which ``denoised`` is taken to stay where it was as the state is corrected


@dataclass(frozen=True)
class OpenGap:
    """The SKIP evaluations j since the last REAL one, as three sums over them: of ``w``, ``w sigma`` and ``w value``.

    ``w_j`` is what an error 1 of value j does to the state at fixed ``denoised``, over sigma there: for denoised and
    residual the response's ``effect``, for epsilon ``-sigma_j`` times that. The interpolation is linear in sigma, so
    these sums are enough, and a gap of any length costs one latent of memory. Interpolation through two points beat
    three and four.
    """

    weight: float = 0.0
    moment: float = 0.0
    used: Tensor | None = None

    def add(self, parameterization: str, value: Tensor, sigma: float, effect: float) -> OpenGap:
        """The gap with one more SKIP, which used ``value [B, ...]`` at ``sigma``."""
        weight = -sigma * effect if parameterization == "epsilon" else effect
        used = weight * value if self.used is None else self.used.add(value, alpha=weight)
        return OpenGap(self.weight + weight, self.moment + weight * sigma, used)

    def delta(self, before: Entry, value: Tensor, sigma: float) -> Tensor:
        """What to add to the state at the REAL evaluation that ends the gap: ``sigma sum_j w_j (E_j - used_j)``.

        ``E_j = before + s_j (value - before)``, ``s_j = (sigma_j - sigma_before) / (sigma - sigma_before)``.

        before: the REAL entry before the gap; value ``[B, ...]``, sigma: the REAL evaluation after it, in the same
        parameterization. At least one SKIP must have been added. The result is made in the gap's own memory, so a gap
        can be ended once.
        """
        assert self.used is not None
        # the sum of w_j s_j
        late = (self.moment - before.sigma * self.weight) / (sigma - before.sigma)
        return self.used.sub_(value, alpha=late).sub_(before.value, alpha=self.weight - late).mul_(-sigma)


@dataclass(frozen=True)
class DeferredCorrection:
    """A correction that the sampler is still to get: ``added[i] delta`` onto the answer of evaluation ``first + i``.

    Multistep samplers reuse answers, so later ones must cancel what the first ones do again. One correction at a time
    is enough: little is left of the one before when the next begins.
    """

    delta: Tensor | None = None
    first: int = 0
    added: tuple[float, ...] = ()

    def applied(self, denoised: Tensor, evaluation: int) -> Tensor:
        """The answer ``[B, ...]`` to give at an evaluation, from 0; ``denoised`` itself where nothing is due."""
        place = evaluation - self.first
        if self.delta is None or place >= len(self.added):
            return denoised
        return torch.add(denoised, self.delta, alpha=self.added[place])

    def after(self, evaluation: int) -> DeferredCorrection:
        """What remains once an evaluation is answered; nothing, and no latent, when that was the last."""
        return self if evaluation - self.first + 1 < len(self.added) else DeferredCorrection()


def value_shift(parameterization: str, delta: Tensor, sigma: float, trend_gain: Tensor | None) -> Tensor:
    """What each unit of ``delta [B, ...]`` adds to the REAL value of a parameterization: a factor that goes with it.

    The model is taken to answer ``denoised + (trend_gain - 0.4) delta`` at the corrected state. ``trend_gain`` is the
    predictor's, ``[B, 1, ..., 1]``; None counts as 1. Measured: docs/measurements.md, "The answer at the corrected
    state".
    """
    unit = delta.new_ones([1] * delta.ndim)
    response = (unit if trend_gain is None else trend_gain * unit) - NEUTRAL_GAIN
    return encode(parameterization, response, unit, sigma)  # it is linear in both


@dataclass(frozen=True)
class Correction:
    """What a run has to correct: the open gap, and what the sampler is still to get.

    response: how the sampler takes up its answers. active: whether gaps are corrected at all.
    """

    response: Response
    active: bool
    gap: OpenGap = OpenGap()
    deferred: DeferredCorrection = DeferredCorrection()

    def skipped(self, parameterization: str, value: Tensor, place: Place) -> Correction:
        """After a SKIP that used ``value [B, ...]``."""
        if not self.active or place.sigma_next <= 0:
            return self
        effect = self.response.effect(place.evaluation, place.sigma, place.sigma_next)
        return replace(self, gap=self.gap.add(parameterization, value, place.sigma, effect))

    def closed(self) -> Correction:
        """Without the gap."""
        return replace(self, gap=OpenGap())

    def delta(self, history: History, value: Tensor, place: Place) -> Tensor | None:
        """How far the state is off at a REAL evaluation that answered ``value [B, ...]``.

        None without a gap, at the last step, and for a second evaluation that was rejected at its step's end or beside
        the last REAL one.
        """
        within = 0 < place.sigma_next < place.sigma
        if self.gap.used is None or not within or not history.all_above(place.sigma):
            return None
        return self.gap.delta(history.newest, value, place.sigma)

    def apply(self, denoised: Tensor, place: Place, delta: Tensor | None = None) -> tuple[Tensor, Correction]:
        """The answer to give where ``denoised [B, ...]`` is said, and what remains then.

        Applies the pending correction, then starts one for ``delta``.
        """
        deferred = self.deferred
        answer = deferred.applied(denoised, place.evaluation)
        if delta is not None:
            added = self.response.correction(place.evaluation, place.sigma, place.sigma_next)
            deferred = DeferredCorrection(delta, place.evaluation, added)
            answer = deferred.applied(answer, place.evaluation)
        return answer, replace(self, deferred=deferred.after(place.evaluation))
