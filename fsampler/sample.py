"""Run a solver with skipping: the whole of the engine in one call."""

from .clock import check_schedule
from .config import Config
from .denoiser import SkippingDenoiser
from .full import FullRun
from .policy import Never


def begin(model, sigmas, config, **circumstances):
    """The denoiser of one run: call it where the sampler would call ``model``, then ``finish()`` it for the ``Report``.

    ``circumstances`` are ``SkippingDenoiser``'s (flow, changes). Raises what it raises.
    """
    if isinstance(config.policy, Never):
        check_schedule(sigmas)
        return FullRun(model, sigmas, config.mode)
    return SkippingDenoiser(model, sigmas, config, **circumstances)


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
    denoiser = begin(model, sigmas, config)
    given = {"extra_args": extra_args, "callback": callback, "disable": True, **(solver_options or {})}
    return solver(denoiser, x, sigmas, **given), denoiser.finish()
