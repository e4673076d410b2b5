"""The forecaster of a pack of parts: one for each part, which learns nothing of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .config import Config
from .forecast import Forecast, Forecaster
from .history import History
from .measure import Sums
from .noise import FirstAnswer
from .parts import Parts, joined
from .query import Query


class PackForecaster:
    """Has ``Forecaster``'s interface, for packs ``[B, ..., N]``. Its figures are those of ``Parts``.

    history: of whole packs. What the parts remember are views of its values, so that nothing is kept twice.
    """

    def __init__(self, parts: Parts, each: Sequence[Forecaster]) -> None:
        self.parts, self.each = parts, each
        first = each[0]
        self.config, self.flow, self.noisy = first.config, first.flow, first.noisy
        self.history = History(first.history.parameterization, first.history.capacity, first.history.nodes)

    def fresh(self) -> PackForecaster:
        """One of the same kind that has seen nothing."""
        return PackForecaster(self.parts, [one.fresh() for one in self.each])

    def noisy_after(self, first: FirstAnswer) -> PackForecaster:
        """The one to go on with once the sampler is known to add noise; it knows the run's first answer."""
        answers = first.split(self.parts)
        begun = [one.noisy_after(answer) for one, answer in zip(self.each, answers, strict=True)]
        pack = PackForecaster(self.parts, begun)
        pack.history.append(first.sigma, first.denoised, first.step_begins)
        return pack

    def forecast(self, query: Query) -> Forecast | None:
        made = [one.forecast(part) for one, part in zip(self.each, self._split(query), strict=True)]
        values = [forecast.value for forecast in made if forecast is not None]
        return self._forecast(torch.cat(values, dim=-1)) if len(values) == len(made) else None

    def hold(self) -> Forecast:
        """The last REAL value, as a forecast."""
        return self._forecast(self.history.newest.value.clone())

    def sums(self, forecast: Forecast) -> Sums:
        values = map(self._forecast, self.parts.split(forecast.value))
        return _joined([one.sums(part) for one, part in zip(self.each, values, strict=True)])

    def gate_sums(self, query: Query) -> Sums | None:
        made = [one.gate_sums(part) for one, part in zip(self.each, self._split(query), strict=True)]
        sums = [each for each in made if each is not None]
        return _joined(sums) if len(sums) == len(made) else None

    def back_test(
        self, state: Tensor, sigma: float, denoised: Tensor, value: Tensor, guidance: Tensor | None = None
    ) -> Tensor | None:
        seen = map(self.parts.split, (state, denoised, value))
        said = [None] * len(self.each) if guidance is None else self.parts.split(guidance)
        curvatures = [
            one.back_test(state, sigma, denoised, value, difference)
            for one, state, denoised, value, difference in zip(self.each, *seen, said, strict=True)
        ]
        found = [curvature for curvature in curvatures if curvature is not None]
        return joined(found) if len(found) == len(curvatures) else None

    def corrected(self, value: Tensor, delta: Tensor, sigma: float) -> Tensor:
        both = zip(self.each, self.parts.split(value), self.parts.split(delta), strict=True)
        return torch.cat([one.corrected(value, delta, sigma) for one, value, delta in both], dim=-1)

    def remember(self, state: Tensor, sigma: float, denoised: Tensor, value: Tensor, step_begins: float) -> None:
        self.history.append(sigma, value, step_begins)
        for one, *part in zip(self.each, *map(self.parts.split, (state, denoised, value)), strict=True):
            state, denoised, value = part
            one.remember(state, sigma, denoised, value, step_begins)

    def _forecast(self, value: Tensor) -> Forecast:
        return Forecast(value, self.history.parameterization)

    def _split(self, query: Query) -> Iterator[Query]:
        for x, state in zip(self.parts.split(query.x), self.parts.split(query.state), strict=True):
            yield replace(query, x=x, state=state)


def _joined(sums: Sequence[Sums]) -> Sums:
    """The figures of each part, as those of the pack."""
    return tuple(map(joined, zip(*sums, strict=True)))


def forecaster(config: Config, flow: bool, parts: Parts) -> Forecaster | PackForecaster:
    """The one that a run begins with, which has seen nothing."""
    if not parts.sizes:
        return Forecaster(config, flow)
    return PackForecaster(parts, [Forecaster(config, flow) for _ in parts.sizes])
