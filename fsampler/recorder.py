"""Mode ``record``: a run in full that leaves a ``Recording``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .full_run import FullRun
from .guidance import taken_from
from .measure import traced
from .notes import Note
from .query import Model
from .recording import MOST_STEPS, Recording
from .report import Report
from .response import Response
from .schedule import check_schedule, coincide

TRACED = 16384  # elements of a latent that stand for all of it
_Kept = tuple[Tensor, Tensor, Tensor | None]  # x, denoised, what guidance did to it


class RecordedRun(FullRun):
    """A ``FullRun`` whose report brings a ``Recording``, or a note that says why there is none.

    sigmas: a falling schedule. flow: sigma is flow time. response: the sampler's. unfit: why the run is no use
    for plans, or None. setting: ``Recording.setting``.

    Keeps some 16384 elements of every x and answer, on their device, and makes no device-to-host transfer before
    ``finish``.
    """

    def __init__(
        self,
        model: Model,
        sigmas: Tensor | Sequence[float],
        mode: str,
        *,
        flow: bool,
        response: Response,
        unfit: Note | None = None,
        setting: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(model, sigmas, mode)
        self.schedule = check_schedule(sigmas)
        self.flow, self.response, self.unfit, self.setting = flow, response, unfit, setting or {}
        self._seen: list[_Kept] = []

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        denoised = super().__call__(x, sigma, **extra)
        if isinstance(denoised, Tensor) and denoised.shape == x.shape:
            guidance = taken_from(self.model, denoised)
            self._seen.append((_part(x), _part(denoised), None if guidance is None else _part(guidance)))
        return denoised

    def finish(self) -> Report:
        """The run's ``Report``."""
        report, seen, self._seen = super().finish(), self._seen, []
        levels = [record.sigma for record in report.records]
        found = self._unfit(levels, len(seen)) or self._recording(levels, seen)
        if isinstance(found, Recording):
            report.recording = found
        else:
            report.notes.append(Note("not-recorded", f"nothing is recorded: {found}"))
        return report

    def _recording(self, levels: Sequence[float], seen: Sequence[_Kept]) -> Recording | str:
        """The recording, or why there is none."""
        epsilon, denoised, guidance = [], [], []
        for (x, answer, difference), sigma in zip(seen, levels, strict=True):
            x, answer = x.cpu().double(), answer.cpu().double()
            epsilon.append((x - answer) / sigma)
            denoised.append(answer)
            guidance.append(torch.zeros_like(x) if difference is None else difference.cpu().double() / sigma)
        made = Recording.of(self.schedule, self.flow, self.response, epsilon, denoised, guidance, self.setting)
        return made if torch.isfinite(made.products).all() else "the answers are not finite"

    def _unfit(self, levels: Sequence[float], seen: int) -> str | None:
        """Why no plan could be made from this run; or None."""
        steps = len(self.schedule) - 1
        if steps > MOST_STEPS:
            return f"{steps} steps are more than the {MOST_STEPS} that a plan may have"
        if self.response.adds_noise:
            return "the sampler adds noise, which is another in every run"
        if self.unfit is not None:
            return str(self.unfit)
        each = len(levels) == len(self.schedule) - 1 and all(map(coincide, levels, self.schedule))
        if not each or seen != len(levels):
            return "a plan needs one answer a step, at its beginning"
        return None


def _part(a: Tensor) -> Tensor:
    return traced(a, TRACED).to(torch.float32, copy=True)
