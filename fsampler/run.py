"""Run a solver with skipping: the whole of the engine in one call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .config import Config
from .denoiser import SkippingDenoiser
from .modes import DEFAULT_MODE
from .options import GivenOptions
from .query import Model, StepLocator, unround
from .report import REAL, Record, Report
from .response import Response, probe
from .schedule import check_schedule

if TYPE_CHECKING:
    from typing import Unpack  # Python 3.11; nothing but a type checker reads it


def sample(
    solver: Callable[..., Tensor],
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    mode: str | Config | None = None,
    *,
    extra_args: Mapping[str, Any] | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    solver_options: Mapping[str, Any] | None = None,
    **options: Unpack[GivenOptions],
) -> tuple[Tensor, Report]:
    """Sample from ``x [B, ...]`` over ``sigmas``; returns ``(x at the last sigma [B, ...], Report)``.

    solver: any sampler in k-diffusion's signature; ``samplers.SOLVERS`` has ours.
    model: ``(x, sigma [B], **extra_args) -> denoised``.
    mode: a mode text or a ``Config``; None is the default mode.
    extra_args, callback: the solver's, of k-diffusion's signature; solver_options: what else it takes (eta).
    options: ``Config.parse``'s, among them ``policy`` (decides in place of the mode's own) and ``predictor`` (makes the
    run's predictor).

    Raises what ``Config.parse`` and ``SkippingDenoiser`` raise, and passes on what the solver or model raises.

    >>> import torch
    >>> from comfyui_fsampler.samplers import SOLVERS
    >>> model = lambda x, sigma: x / 2
    >>> x, report = sample(SOLVERS["euler"], model, torch.ones(1, 1, 4, 4), torch.linspace(1, 0, 21), "h2/s2")
    >>> report.calls, report.evaluations
    (15, 20)
    """
    config = mode if isinstance(mode, Config) else Config.parse(DEFAULT_MODE if mode is None else mode, **options)
    if config is mode and options:
        raise ValueError(f"options {sorted(options)} beside a Config; expected them in Config.parse")
    own = {"extra_args": extra_args, "solver_options": solver_options}
    denoiser = begin(model, sigmas, config, functools.partial(probe, solver, sigmas, x.ndim, model=model, **own))
    arguments = {"extra_args": extra_args, "callback": callback, "disable": True, **(solver_options or {})}
    return solver(denoiser, x, sigmas, **arguments), denoiser.finish()


def begin(
    model: Model,
    sigmas: Tensor | Sequence[float],
    config: Config,
    probing: Callable[[], tuple[Response, str | None]] | None = None,
    *,
    flow: bool | None = None,
    changes: Iterable[int] = (),
) -> SkippingDenoiser | FullRun:
    """The denoiser of one run: call it where the sampler would call ``model``, then ``finish()`` it for the ``Report``.

    probing: ``response.probe`` with its arguments given; called where its outcome is of use.
    flow, changes: ``SkippingDenoiser``'s. Raises what that raises.

    >>> sigmas, x = torch.linspace(1, 0, 21), torch.ones(1, 1, 4, 4)
    >>> denoiser = begin(lambda x, sigma: x / 2, sigmas, Config.parse("h2/s2"))
    >>> for sigma, sigma_next in zip(sigmas, sigmas[1:]):
    ...     x = torch.lerp(denoiser(x, sigma.expand(1)), x, sigma_next / sigma)  # Euler
    >>> denoiser.finish().sequence
    'RRRRSRRSRRSRRSRRSRRR'
    """
    if config.never_skips:
        check_schedule(sigmas)
        return FullRun(model, sigmas, config.mode)
    response, note = probing() if probing is not None and config.correct else (None, None)
    denoiser = SkippingDenoiser(model, sigmas, config, flow=flow, changes=changes, response=response)
    denoiser.report.notes += [note] if note else []
    return denoiser


class FullRun:
    """A run that skips nothing: mode ``off``, and samplers and schedules in which skipping cannot be right.

    Passes every call through untouched and counts it; has ``SkippingDenoiser``'s interface.

    sigmas: any schedule, one that rises included; read when the run is over.
    mode: what the user asked for. reason: why no step may be skipped, for the report; without one it is mode ``off``.

    Keeps no tensor but each evaluation's sigma, and makes no device-to-host transfer before ``finish``.
    """

    def __init__(self, model: Model, sigmas: Tensor | Sequence[float], mode: str, reason: str | None = None) -> None:
        self.model, self.sigmas, self.reason = model, torch.as_tensor(sigmas).clone(), reason
        self.report = Report(mode, len(self.sigmas) - 1, notes=[f"runs in full: {reason}"] if reason else [])
        self.asked: list[Tensor] = []

    def __call__(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        self.asked.append(sigma.flatten()[0].clone())
        return self.model(x, sigma, **extra)

    def forget(self) -> None:
        """Nothing is remembered."""

    def finish(self) -> Report:
        """The run's ``Report``."""
        asked, self.asked = self.asked, []
        levels = unround(torch.stack(asked).cpu(), self.sigmas.cpu().float()).tolist() if asked else []
        for step, level in zip(self._steps(levels), levels, strict=True):
            self.report.records.append(Record(step, level, REAL, "in full" if self.reason else "off"))
        return self.report

    def _steps(self, levels: Sequence[float]) -> list[int]:
        """The step of each evaluation; on a schedule that does not fall, the one with the nearest sigma."""
        schedule = self.sigmas.tolist()
        try:
            locator = StepLocator(check_schedule(schedule))
        except ValueError:
            return [min(range(len(schedule) - 1), key=lambda i: abs(schedule[i] - level)) for level in levels]
        return [locator.locate(level) for level in levels]
