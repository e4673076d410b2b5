"""What an evaluation measures on the device, and the one transfer that brings it to the host.

Sums and reductions are made without a temporary latent, and per sample: every image of a batch is judged on its own.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each sample, ``[B, 1, ..., 1]`` for inputs ``[B, ...]``."""
    size = a.shape[0]
    rows, columns = a.reshape(size, 1, -1), b.reshape(size, -1, 1)  # a product of matrices needs no a * b
    return torch.bmm(rows, columns).reshape(size, *[1] * (a.ndim - 1))


def norm(a: Tensor) -> Tensor:
    """Euclidean norm of each sample, ``[B, 1, ..., 1]``."""
    length: Tensor = torch.linalg.vector_norm(a, dim=tuple(range(1, a.ndim)), keepdim=True)
    return length


def rms(a: Tensor) -> Tensor:
    """Root mean square of each sample, ``[B, 1, ..., 1]``."""
    return norm(a) / math.sqrt(a[0].numel())


def traced(a: Tensor, count: int) -> Tensor:
    """Elements of each sample that stand for all of it: all, or every so many, ``count`` to twice as many; ``[B, n]``.

    At odd distances, so that they do not run down one column of an image. May share the memory of ``a``.
    """
    flat = a.flatten(1)
    return flat[:, :: (flat.shape[1] // count) | 1]


def alignment(ab: Tensor, aa: Tensor, bb: Tensor) -> Tensor:
    """The share of one latent that lies along another, the squared cosine of their angle, with the cosine's sign.

    ab: their inner product; aa, bb: that of each with itself; all ``[B, 1, ..., 1]``. 0 where one of them is 0.

    >>> a, b = torch.tensor([[1.0, 1.0]]), torch.tensor([[-2.0, 0.0]])
    >>> alignment(dot(a, b), dot(a, a), dot(b, b))
    tensor([[-0.5000]])
    """
    cosine = ab / (aa.sqrt() * bb.sqrt()).clamp_min(torch.finfo(ab.dtype).tiny)
    return cosine * cosine.abs()


def share_along(ab: Tensor, bb: Tensor) -> Tensor:
    """How much of a latent b is in another, a: ``<a, b> / <b, b>``, and 0 where b is 0; all ``[B, 1, ..., 1]``."""
    return ab / bb.clamp_min(torch.finfo(bb.dtype).tiny)


def nonfinite_share(a: Tensor) -> Tensor:
    """The share of each sample's elements that are not finite, ``[B]``."""
    wrong = (a - a).ne_(0)  # the difference is 0, or nan; isfinite and count_nonzero are slow on a CPU
    return wrong.flatten(1).mean(dim=1)


def weighted_sum(values: Sequence[Tensor], weights: Sequence[float | Tensor]) -> Tensor:
    """``sum_i weights[i] * values[i]``, a new tensor; the last value has no weight, but what the others leave of 1."""
    *others, last = values
    total = torch.lerp(last, others[0], weights[0])  # with two values, the common case, this reads each once
    for value, weight in zip(others[1:], weights[1:], strict=True):
        total.add_((value - last).mul_(weight))
    return total


Sums = tuple[Tensor, ...]  # figures of one kind while they are on the device, [B, 1, ..., 1] each
Each = tuple[float, ...]  # one figure on the host, a float for each of the B samples


class ForecastFigures(NamedTuple):
    """Of a forecast: its norm, the norm of the last REAL value, and their inner product."""

    norm: Each
    last: Each
    inner: Each


class GateFigures(NamedTuple):
    """Of x and the paper's two predictions as ``denoised``: <x, x>, <x, h3>, <h3, h3> and ``||h3 - h2||``."""

    xx: Each
    xh: Each
    hh: Each
    apart: Each


class PreviousFigures(NamedTuple):
    """Of the REAL evaluation before: the share of its answer that is not finite; the curvature, if it showed one."""

    nonfinite: Each
    curvature: Each | None = None


@dataclass(frozen=True)
class Measured:
    """What one evaluation brought to the host; a group is None where it was not measured."""

    sigma: float
    forecast: ForecastFigures | None = None
    gate: GateFigures | None = None
    euler_distance: Each | None = None
    previous: PreviousFigures | None = None
    apart: Each | None = None
    spread: float = 0.0


def measure(
    sigma: Tensor,
    *,
    forecast: Sums | None = None,
    gate: Sums | None = None,
    euler_distance: Tensor | None = None,
    previous: Sums | None = None,
    apart: Tensor | None = None,
    spread: Tensor | None = None,
) -> Measured:
    """All figures of one evaluation: ``sigma`` (0-d) and the sums of each group, in the order of its fields."""
    alone = [() if one is None else (one,) for one in (euler_distance, apart, spread)]
    groups = (forecast or (), gate or (), previous or (), *alone)
    flat = iter(transfer([sigma, *itertools.chain(*groups)]))
    (level,) = next(flat)
    about_forecast, about_gate, about_previous, distance, moved, range_ = ([next(flat) for _ in g] for g in groups)
    return Measured(
        level,
        ForecastFigures(*about_forecast) if about_forecast else None,
        GateFigures(*about_gate) if about_gate else None,
        distance[0] if distance else None,
        PreviousFigures(*about_previous) if about_previous else None,
        moved[0] if moved else None,
        range_[0][0] if range_ else 0.0,
    )


def read_previous(sums: Sums) -> PreviousFigures:
    """The figures of the last REAL answer, where no further evaluation follows to bring them."""
    return PreviousFigures(*transfer(sums))


def transfer(tensors: Sequence[Tensor]) -> list[Each]:
    """The elements of each tensor as floats, in one device-to-host transfer."""
    flat = torch.cat([tensor.flatten().float() for tensor in tensors]).tolist()
    parts, start = [], 0
    for tensor in tensors:
        parts.append(tuple(flat[start : start + tensor.numel()]))
        start += tensor.numel()
    return parts
