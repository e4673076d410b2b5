"""What the model said at the newest REAL evaluations, and the polynomial through it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from .measure import norm, weighted_sum
from .parameterization import decode
from .query import Query
from .schedule import MATCH, coincide

MIN_ORDER, MAX_ORDER = 2, 4


def lagrange_weights(nodes: Sequence[float], at: float | Tensor, count: int | None = None) -> list[float | Tensor]:
    """Weights ``w`` with ``sum(w[i] * f(nodes[i])) == f(at)`` for every polynomial f of degree below ``len(nodes)``.

    ``at`` is a float or a 0-d tensor; with a tensor the weights stay on its device. count: how many to give, from the
    first node on; None is all. At the nodes 0, 1, 2, ... these are the paper's predictors (arXiv 2511.09180, section
    3): h2 = ``2 r[n] - r[n-1]``, h3 = ``3 r[n] - 3 r[n-1] + r[n-2]``, h4 = ``4 r[n] - 6 r[n-1] + 4 r[n-2] - r[n-3]``.
    Raises ValueError where two nodes are equal.

    >>> lagrange_weights([0.0, 1.0, 2.0], 3.0)
    [1.0, -3.0, 3.0]
    """
    if len(set(nodes)) != len(nodes):
        raise ValueError(f"nodes {list(nodes)} coincide; expected distinct values")
    weights = []
    for node in nodes[:count]:
        first, *others = [(at - other) / (node - other) for other in nodes if other != node] or [1.0]
        weights.append(math.prod(others, start=first))
    return weights


def usable_order(order: int, entries: int) -> int | None:
    """The paper's fallback h4 -> h3 -> h2: the highest order up to ``order`` that so many values allow, or None.

    >>> [usable_order(4, entries) for entries in (1, 2, 3, 9)]
    [None, 2, 3, 4]
    """
    best = min(order, entries)
    return best if best >= MIN_ORDER else None


class Entry(NamedTuple):
    """One REAL evaluation: its sigma and the value kept of it, ``[B, ...]`` in float32 or wider."""

    sigma: float
    value: Tensor


class History:
    """REAL values in one ``parameterization``, oldest first, at most ``capacity`` of them.

    nodes: what the polynomial runs over, "sigma" or "index" (the paper's step number).
    previous_step: the sigma at which the REAL step before the newest began, or None. Where a step has two evaluations,
    that is further back than the newest value but one.
    offset: what is added to every extrapolated value (``noise.innovation``), or None.
    newest_norm: of the newest value, ``[B, 1, ..., 1]``; every forecast is held against it. None while there is none.
    """

    def __init__(self, parameterization: str, capacity: int, nodes: str) -> None:
        self.parameterization, self.capacity, self.nodes = parameterization, capacity, nodes
        self.entries: list[Entry] = []
        self.offset: Tensor | None = None
        self.newest_norm: Tensor | None = None
        self._steps: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def newest(self) -> Entry:
        return self.entries[-1]

    @property
    def previous_step(self) -> float | None:
        return self._steps[-2] if len(self._steps) > 1 else None

    def append(self, sigma: float, value: Tensor, step_begins: float) -> None:
        """Add a REAL value; one at the same sigma is replaced, since two nodes that coincide carry no slope.

        step_begins: the sigma at which the step of this evaluation begins.
        """
        others = [entry for entry in self.entries if not coincide(entry.sigma, sigma)]
        self.entries = [*others, Entry(sigma, value)][-self.capacity :]
        self.newest_norm = norm(value)
        if step_begins not in self._steps:
            self._steps = (*self._steps, step_begins)[-2:]

    def all_above(self, sigma: float) -> bool:
        """Whether every value is from a higher sigma. Not so where a sampler looks ahead (heunpp2) or asks twice."""
        return sigma < min(entry.sigma for entry in self.entries) * (1 - MATCH)

    def with_offset(self, offset: Tensor) -> "History":
        """The same values, extrapolated with an offset; nothing is copied."""
        moved = History(self.parameterization, self.capacity, self.nodes)
        moved.entries, moved._steps, moved.offset = self.entries, self._steps, offset
        moved.newest_norm = self.newest_norm
        return moved

    def extrapolate(self, sigma: float | Tensor, order: int, gain: Tensor | None = None) -> Tensor:
        """The polynomial of that order through the newest values, at ``sigma`` (a float, or 0-d): ``[B, ...]``, new.

        gain ``[B, 1, ..., 1]``: how much of the way from the newest value to the polynomial's; None is all of it.
        """
        used = self.entries[-order:]
        rest = len(used) - 1  # the newest value takes what the others leave of 1
        if self.nodes == "index":
            weights = lagrange_weights([float(i) for i in range(order)], float(order), rest)
        else:
            weights = lagrange_weights([entry.sigma for entry in used], sigma, rest)
        if gain is not None:
            weights = [gain * weight for weight in weights]
        value = weighted_sum([entry.value for entry in used], weights)
        return value if self.offset is None else value.add_(self.offset)

    def decode(self, value: Tensor, query: Query) -> Tensor:
        """A value of this history's parameterization as ``denoised`` at the query."""
        return decode(self.parameterization, value, query.state, query.sigma)
