"""Run a solver with skipping: the whole of the engine in one call."""

import functools

from .clock import check_schedule
from .config import Config
from .denoiser import SkippingDenoiser
from .full import FullRun
from .policy import Never
from .rehearsal import rehearse


def begin(model, sigmas, config, rehearsal=None, **circumstances):
    """The denoiser of one run: call it where the sampler would call ``model``, then ``finish()`` it for the ``Report``.

    rehearsal: a ``rehearse`` of the sampler with its arguments given; called when its outcome is of use.
    ``circumstances`` are ``SkippingDenoiser``'s (flow, changes). Raises what it raises.
    """
    if isinstance(config.policy, Never):
        check_schedule(sigmas)
        return FullRun(model, sigmas, config.mode)
    sampler, note = rehearsal() if rehearsal is not None and config.correct else (None, None)
    denoiser = SkippingDenoiser(model, sigmas, config, sampler=sampler, **circumstances)
    denoiser.report.notes += [note] if note else []
    return denoiser


def sample(solver, model, x, sigmas, mode=None, *, extra_args=None, callback=None, solver_options=None, **options):
    """Sample from ``x [B, ...]`` over ``sigmas`` and return ``(x at the last sigma, Report)``.

    solver: any sampler in k-diffusion's signature; ``samplers.SOLVERS`` has ours.
    model: ``(x, sigma [B], **extra_args) -> denoised``.
    mode: a mode text or a ``Config``; None is the default mode. ``options`` are ``Config.parse``'s.
    Raises what ``Config.parse`` and ``SkippingDenoiser`` raise, and passes on what the solver or model raises.
    """
    if isinstance(mode, Config):
        if options:
            raise ValueError(f"options {sorted(options)} beside a Config; expected them in Config.parse")
        config = mode
    else:
        config = Config.parse(**({} if mode is None else {"mode": mode}), **options)
    own = {"extra_args": extra_args, **(solver_options or {})}
    rehearsal = functools.partial(rehearse, solver, sigmas, x.ndim, model=model, **own)
    denoiser = begin(model, sigmas, config, rehearsal)
    return solver(denoiser, x, sigmas, callback=callback, disable=True, **own), denoiser.finish()
