"""Run a solver with skipping: the whole of the engine in one call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .config import Config
from .denoiser import SkippingDenoiser
from .full_run import FullRun
from .modes import DEFAULT_MODE
from .notes import Note
from .options import GivenOptions
from .parts import Parts
from .query import Model
from .recorder import RecordedRun
from .report import Report
from .response import EulerResponse, Response, probe
from .schedule import check_schedule, first_close, is_flow

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
    setting: Mapping[str, str] | None = None,
    parts: Sequence[int] = (),
    **options: Unpack[GivenOptions],
) -> tuple[Tensor, Report]:
    """Sample from ``x [B, ...]`` over ``sigmas``; returns ``(x at the last sigma [B, ...], Report)``.

    solver: any sampler in k-diffusion's signature; ``samplers.SOLVERS`` has ours.
    model: ``(x, sigma [B], **extra_args) -> denoised``; it may say what guidance did (``SkippingDenoiser``).
    mode: a mode text or a ``Config``; None is the default mode.
    extra_args, callback: the solver's, of k-diffusion's signature; solver_options: what else it takes (eta).
    setting: ``begin``'s, beside the solver's name and the latent's size, which are known here.
    parts: ``SkippingDenoiser``'s.
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
    probing = functools.partial(probe, solver, sigmas, x.ndim, model=model, **own)
    setting = {"sampler": name_of(solver), "size": size_of(x), **(setting or {})}
    denoiser = begin(model, sigmas, config, probing, setting=setting, parts=parts)
    arguments = {"extra_args": extra_args, "callback": callback, "disable": True, **(solver_options or {})}
    return solver(denoiser, x, sigmas, **arguments), denoiser.finish()


def begin(
    model: Model,
    sigmas: Tensor | Sequence[float],
    config: Config,
    probing: Callable[[], tuple[Response, Note | None]] | None = None,
    *,
    flow: bool | None = None,
    changes: Collection[int] = (),
    setting: Mapping[str, str] | None = None,
    parts: Sequence[int] = (),
) -> SkippingDenoiser | FullRun:
    """The denoiser of one run: call it where the sampler would call ``model``, then ``finish()`` it for the ``Report``.

    A ``FullRun`` in modes off and record, over a schedule in which two sigmas are the same but for rounding, and where
    a plan was made for another schedule.

    probing: ``response.probe`` with its arguments given; called where its outcome is of use.
    flow, changes, parts: ``SkippingDenoiser``'s. Raises what that raises.
    setting: in what the run is made, by name: ``{"sampler": "euler", "cfg": "5"}``. A recording keeps it, and a plan
    that was recorded in another says so.

    >>> import torch
    >>> sigmas, x = torch.linspace(1, 0, 21), torch.ones(1, 1, 4, 4)
    >>> denoiser = begin(lambda x, sigma: x / 2, sigmas, Config.parse("h2/s2"))
    >>> for sigma, sigma_next in zip(sigmas, sigmas[1:]):
    ...     x = torch.lerp(denoiser(x, sigma.expand(1)), x, sigma_next / sigma)  # Euler
    >>> denoiser.finish().sequence
    'RRRRSRRSRRSRRSRRSRRR'
    """
    schedule, setting = check_schedule(sigmas), setting or {}
    if config.records:
        response, unfit = probing() if probing is not None else (EulerResponse(), None)
        if changes:
            unfit = Note("not-recorded", "the model changes within the run")
        if Parts.of(parts).sizes:
            unfit = Note("not-recorded", "a plan is made for one latent, and this is a pack of parts")
        flow = is_flow(schedule) if flow is None else flow
        return RecordedRun(model, sigmas, config.mode, flow=flow, response=response, unfit=unfit, setting=setting)
    if config.never_skips:
        return FullRun(model, sigmas, config.mode)
    reason = _too_close(schedule) or config.policy.refusal(schedule)
    if reason:
        return FullRun(model, sigmas, config.mode, reason)
    known, note = probing() if probing is not None and config.correct else (None, None)
    denoiser = SkippingDenoiser(model, sigmas, config, flow=flow, changes=changes, response=known, parts=parts)
    said = [note, config.policy.note(denoiser.report.steps), *config.policy.remarks(changes, setting)]
    denoiser.report.notes += [one for one in said if one]
    return denoiser


def _too_close(schedule: Sequence[float]) -> Note | None:
    close = first_close(schedule)
    if close is None:
        return None
    return Note("close-sigmas", f"the sigmas of steps {close} and {close + 1} are too close to tell apart")


def name_of(solver: object) -> str:
    """What a solver is called in a setting: ``euler`` for ``sample_euler``."""
    return str(getattr(solver, "__name__", type(solver).__name__)).removeprefix("sample_")


def size_of(x: Tensor) -> str:
    """The size of a latent ``[B, C, ...]`` in a setting: ``64x64``."""
    return "x".join(map(str, x.shape[2:])) or str(x.shape[1])
