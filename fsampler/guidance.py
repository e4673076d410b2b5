"""The guidance term: along a run, a guided answer moves against the guidance that it was given.

Classifier-free guidance answers ``u + w (c - u)`` of an unconditional and a conditional answer (Ho and Salimans 2022,
arXiv 2207.12598). The state soon follows, so that what guidance adds is needed less and less: from one REAL answer to
the next, epsilon changes by ``b (lambda_next - lambda) (u - c)``, with lambda the half-log-SNR and b nearly the same
over a run. A polynomial through the answers knows nothing of that direction.

The term stands in for the trend where that fails. How far it does shows in each back-test: in the share of the change
that lay along the trend (``measure.alignment``). A trend with .15 of it or more is followed as ever, so that smooth
runs lose nothing; with none the last answer is held, and the term added. b is learned from every REAL answer, and half
of it is used: what the term leaves out the correction takes back, an excess costs more. Measured:
docs/measurements.md, "The guidance term".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .history import History
from .measure import alignment, dot
from .schedule import signal_level, ve_sigma

USED = 0.5  # share of the learned b in predictions
FULL_TREND = 0.15  # alignment of change and trend from which the trend is all there is
MEMORY = 0.5  # weight of what the least squares knew, as one more REAL answer is added
LARGEST = 6.0  # b is taken to lie between 0 and this; it was seen near (w - 1) / 2
COLLINEAR = 1e-6  # what is left at least of 1 less the squared cosine of trend and guidance
TINY = 1e-30
ATTRIBUTE = "guidance_difference"


def taken_from(model: object, denoised: Tensor) -> Tensor | None:
    """What a model says of the guidance in its newest answer, which was ``denoised [B, ...]``: ``c - u`` in its dtype.

    Such a model sets its attribute ``guidance_difference`` with every answer. It is taken, and its memory with it; None
    is left in its place. None where there is nothing of the answer's shape and device.
    """
    said = getattr(model, ATTRIBUTE, None)
    if said is None:
        return None
    setattr(model, ATTRIBUTE, None)
    fits = isinstance(said, Tensor) and said.shape == denoised.shape and said.device == denoised.device
    return said.to(denoised.dtype) if fits else None


class GuidanceTerm:
    """Of a run whose answers are remembered as epsilon. Without effect while no guidance is known.

    flow: sigma is flow time. difference ``[B, ...]``: ``u - c`` of the newest REAL answer, as epsilon; or None.
    """

    def __init__(self, flow: bool) -> None:
        self.flow = flow
        self.difference: Tensor | None = None
        # [B, 1, ..., 1] each: b; how much of the trend's place the term takes
        self._strength: Tensor | None = None
        self._share: Tensor | None = None
        self._sums: Tensor | None = None  # of the least squares, [5, B, 1, ..., 1]

    def see(self, guidance: Tensor | None, sigma: float) -> None:
        """Take in what guidance did to a REAL answer at ``sigma``: ``c - u`` as denoised ``[B, ...]``, whose memory is
        used on, or None."""
        self.difference = None if guidance is None else guidance.div_(sigma)

    def applied(self, value: Tensor, sigma: Tensor, history: History) -> Tensor:
        """A value ``[B, ...]`` that was predicted from ``history`` for ``sigma`` (0-d), with the term in its share of
        the trend's place; in the value's own memory."""
        if self.difference is None or self._strength is None or self._share is None:
            return value
        newest = history.newest
        moved = torch.log(signal_level(sigma, self.flow) / sigma) - self._half_log_snr(newest.sigma)
        value.lerp_(newest.value, self._share)
        return value.addcmul_(self.difference, USED * self._share * self._strength * moved)

    def unexplained(self, change: Tensor, trend: Tensor, ty: Tensor, tt: Tensor, sigma: float, newest: float) -> Tensor:
        """What the term leaves of ``ty``, from which the predictor learns its trend, as ``[B, 1, ..., 1]``.

        First b is learned: the least squares of a ``change``, the one from the REAL answer at ``newest`` to that at
        ``sigma``, on the ``trend``, which the polynomial predicted of it, and on the guidance, together with those
        before it. Both are ``[B, ...]``; ty, tt: ``<trend, change>`` and ``<trend, trend>``, ``[B, 1, ..., 1]``.
        """
        if self.difference is None:
            return ty
        moved = self._half_log_snr(sigma) - self._half_log_snr(newest)
        self._share = 1 - (alignment(ty, tt, dot(change, change)) / FULL_TREND).clamp(0, 1)
        along = [dot(self.difference, other) for other in (self.difference, trend, change)]
        gg, tg, gy = moved**2 * along[0], moved * along[1], moved * along[2]
        new = torch.stack([tt, gg, tg, ty, gy])
        self._sums = new if self._sums is None else new.add_(self._sums, alpha=MEMORY)
        self._strength = _least_squares(*self._sums).clamp(0, LARGEST)
        return ty - self._share * self._strength * tg

    def _half_log_snr(self, sigma: float) -> float:
        return -math.log(ve_sigma(sigma, self.flow))


def _least_squares(tt: Tensor, gg: Tensor, tg: Tensor, ty: Tensor, gy: Tensor) -> Tensor:
    """The weight of g where y is fitted by t and g, of their inner products."""
    apart = torch.maximum(tt * gg - tg**2, COLLINEAR * tt * gg + TINY)
    return (tt * gy - tg * ty) / apart
