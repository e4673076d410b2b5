"""The original FSampler's schedulers: ComfyUI's own by name, and those ComfyUI lacks.

Facts about the latter come from obisin/ComfyUI-FSampler 1.5.0 (``fibonacci``, and the tangent curves and ``constant``
it took from RES4LYF) and from ComfyUI's k-diffusion (``polyexponential``, ``vp``, ``laplace``). What they say in the
noise level of a VE model is taken to flow time at the same signal-to-noise ratio, t = sigma / (1 + sigma), and back.
"""

import math

import comfy.samplers
import torch
from comfy.k_diffusion import sampling as k_diffusion
from comfy.model_sampling import CONST

from ..fsampler.schedule import MATCH


def sigmas_of(model, scheduler, steps, denoise=1.0, official=True):
    """The SIGMAS of a scheduler for a MODEL: falling, 0 at the end; none at all when ``denoise`` is 0.

    ``denoise`` below 1 keeps the last ``steps`` of ``int(steps / denoise)``, as KSampler does. ``official`` picks the
    two-stage form of bong_tangent. Raises ValueError, naming the scheduler, where it gives no such schedule.
    """
    if denoise <= 0:
        return torch.FloatTensor([])
    total = steps if denoise >= 1 else int(steps / denoise)
    sampling = model.get_model_object("model_sampling")
    name = "bong_tangent_single" if scheduler == "bong_tangent" and not official else scheduler
    if total == 1:
        sigmas = [float(sampling.sigma_max), 0.0]
    elif name in OWN:
        sigmas = [float(sigma) for sigma in OWN[name](sampling, total)]
    else:
        sigmas = comfy.samplers.calculate_sigmas(sampling, name, total).tolist()
    return torch.FloatTensor(_told_apart(sigmas if denoise >= 1 else sigmas[-(steps + 1) :], scheduler))


def _told_apart(sigmas, scheduler):
    """Sigmas that (nearly) repeat put 2e-4 below the one before: steps are known by their sigma."""
    kept = sigmas[:1]
    for i, sigma in enumerate(sigmas[1:], 1):
        last = kept[-1]
        if not (last > 0 and 0 <= sigma <= sigmas[i - 1] * (1 + MATCH)):  # False for NaN and infinity, too
            raise ValueError(f"scheduler {scheduler} does not fall at step {i} of {len(sigmas) - 1} with this model")
        kept.append(sigma if sigma < last * (1 - MATCH) else last * (1 - 2 * MATCH))
    return kept


def _flow(sampling):
    return isinstance(sampling, CONST)


def _bounds(sampling):
    return float(sampling.sigma_min), float(sampling.sigma_max)


def _from_ve(sigmas, sampling):
    """VE noise levels for this model; on a flow model the first is pure noise."""
    if not _flow(sampling):
        return sigmas
    return [float(sampling.sigma_max), *(float(sigma) / (1 + float(sigma)) for sigma in sigmas[1:])]


def _polyexponential(sampling, steps):
    return k_diffusion.get_sigmas_polyexponential(steps, *_bounds(sampling))


def _vp(sampling, steps):
    return _from_ve(k_diffusion.get_sigmas_vp(steps), sampling)


def _laplace(sampling, steps):
    low, high = _bounds(sampling)
    if _flow(sampling):
        low, high = low / (1 - low), math.inf
    return [*_from_ve(k_diffusion.get_sigmas_laplace(steps, low, high), sampling), 0.0]


def _beta57(sampling, steps):
    return comfy.samplers.beta_scheduler(sampling, steps, alpha=0.5, beta=0.7)


def _arctan(points, slope, pivot, start, end):
    """``points`` values from ``start`` to ``end`` along an arctangent that is steepest at index ``pivot``."""
    heights = [math.atan(slope * (pivot - i)) for i in range(points)]
    span = heights[0] - heights[-1]
    return [end + (start - end) * (h - heights[-1]) / span for h in heights] if span else [start] * points


def _two_arctans(points, pivots, slope, start, middle, end, split):
    """``points`` values along two such curves that meet at ``middle``, index ``split``."""
    rest = points + 1 - split
    first = _arctan(split, slope, pivots[0], start, middle)[:-1]
    second = _arctan(rest, slope, pivots[1] - split, middle, end)
    return [start, *(first + second)[1:]]


def _bong_tangent(sampling, steps):
    """Both bends at 0.6 of the steps, slope 8 / steps; 1 to 0 in flow time, half-way at 0.5."""
    high = _bounds(sampling)[1]
    top = high if _flow(sampling) else high / (1 + high)
    bend = int((steps + 2) * 0.6)
    times = _two_arctans(steps + 1, (bend, bend), 0.2 * 40 / (steps + 2), top, top / 2, 0.0, bend)
    return times if _flow(sampling) else [high, *(time / (1 - time) for time in times[1:])]


def _bong_tangent_single(sampling, steps):
    """One curve, slope 20, steepest at step 20 whatever the number of steps."""
    low, high = _bounds(sampling)
    return [*_arctan(steps, 20.0, 20.0, high, low), 0.0]


def _bong_tangent_2(sampling, steps):
    """Each curve steepest in its middle, slope 1, meeting half-way at the geometric mean of the bounds."""
    low, high = _bounds(sampling)
    split = (steps + 1) // 2
    pivots = (split // 2, split + (steps + 1 - split) // 2)
    return [*_two_arctans(steps, pivots, 1.0, high, math.sqrt(low * high), low, split), 0.0]


def _bong_tangent_2_simple(sampling, steps):
    """Steepest at 0.5 and 0.75 of the steps, slope 40 / steps, meeting between the two."""
    low, high = _bounds(sampling)
    n = steps + 1
    pivots = (int(n * 0.5), int(n * 0.75))
    return [*_two_arctans(steps, pivots, 40 / n, high, math.sqrt(low * high), low, int(n * 0.625)), 0.0]


def _constant(sampling, steps):
    """The highest sigma all the time: only the last step denoises."""
    return [_bounds(sampling)[1]] * steps + [0.0]


def _fibonacci(sampling, steps, backwards=False):
    """Falls in log sigma by Fibonacci numbers, growing or (backwards) shrinking, from the highest sigma."""
    low, high = _bounds(sampling)
    falls = [1, 1]
    while len(falls) < steps - 1:
        falls.append(falls[-1] + falls[-2])
    falls = falls[: steps - 1][:: -1 if backwards else 1]
    return [*(high * (low / high) ** (sum(falls[:i]) / sum(falls)) for i in range(steps)), 0.0]


OWN = {
    "polyexponential": _polyexponential,
    "vp": _vp,
    "laplace": _laplace,
    "beta57": _beta57,
    "bong_tangent": _bong_tangent,
    "bong_tangent_single": _bong_tangent_single,
    "bong_tangent_2": _bong_tangent_2,
    "bong_tangent_2_simple": _bong_tangent_2_simple,
    "constant": _constant,
    "fibonacci": _fibonacci,
    "fibonacci_rev": lambda sampling, steps: _fibonacci(sampling, steps, backwards=True),
}
