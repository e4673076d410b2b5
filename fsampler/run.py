"""Run a solver with skipping: the whole of the engine in one call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .config import Config
from .denoiser import SkippingDenoiser
from .full_run import FullRun
from .modes import DEFAULT_MODE
from .notes import Note
from .options import GivenOptions
from .query import Model
from .report import Report
from .response import Response, probe
from .schedule import check_schedule, first_close

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
    model: ``(x, sigma [B], **extra_args) -> denoised``; it may say what guidance did (``SkippingDenoiser``).
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
    probing: Callable[[], tuple[Response, Note | None]] | None = None,
    *,
    flow: bool | None = None,
    changes: Iterable[int] = (),
) -> SkippingDenoiser | FullRun:
    """The denoiser of one run: call it where the sampler would call ``model``, then ``finish()`` it for the ``Report``.

    A ``FullRun`` in mode off, and over a schedule in which two sigmas are the same but for rounding.

    probing: ``response.probe`` with its arguments given; called where its outcome is of use.
    flow, changes: ``SkippingDenoiser``'s. Raises what that raises.

    >>> import torch
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
    close = first_close(check_schedule(sigmas))
    if close is not None:
        reason = Note("close-sigmas", f"the sigmas of steps {close} and {close + 1} are too close to tell apart")
        return FullRun(model, sigmas, config.mode, reason)
    response, note = probing() if probing is not None and config.correct else (None, None)
    denoiser = SkippingDenoiser(model, sigmas, config, flow=flow, changes=changes, response=response)
    denoiser.report.notes += [said for said in (note, config.policy.note(denoiser.report.steps)) if said]
    return denoiser
