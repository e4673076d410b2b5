"""Run a solver with skipping: the whole of the engine in one call."""

from .config import Config
from .denoiser import SkippingDenoiser


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
    denoiser = SkippingDenoiser(model, sigmas, config)
    given = {"extra_args": extra_args, "callback": callback, "disable": True, **(solver_options or {})}
    return solver(denoiser, x, sigmas, **given), denoiser.finish()
