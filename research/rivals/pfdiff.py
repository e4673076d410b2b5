"""PFDiff-1: the last answer carries the state ahead, and the call made there serves the whole interval.

ICLR 2025, arXiv 2408.08822, algorithm 1 with k = 1, h = 1. Of three sigmas in a row, with ``e`` the last epsilon:

    ``ahead = x_i + (s_{i+1} - s_i) e``,  ``e = epsilon(ahead, s_{i+1})``,  ``x_{i+2} = x_i + (s_{i+2} - s_i) e``

after a first step of Euler's. So 2 N - 1 steps take N calls. Made for solvers of one step, here Euler in sigma, which
is DDIM; a sampler of its own, since no call is made at the states that the steps begin with.

Different from the authors' code: nothing but the coordinates, theirs are the variance-preserving ones.
"""

from comfyui_fsampler.samplers.common import check_sigmas


def sample_pfdiff(model, x, sigmas):
    """``x [B, ...]`` at the last sigma, with half as many calls as the schedule has sigmas.

    Raises ValueError for an even number of steps, and what ``check_sigmas`` raises.
    """
    levels = check_sigmas(sigmas)
    if len(levels) % 2:
        raise ValueError(f"{len(levels) - 1} steps; expected an odd number")

    def epsilon(x, sigma):
        return (x - model(x, x.new_full((len(x),), sigma))) / sigma

    slope = epsilon(x, levels[0])
    x = x + (levels[1] - levels[0]) * slope
    for here, ahead, there in zip(levels[1:-1:2], levels[2::2], levels[3::2], strict=True):
        slope = epsilon(x + (ahead - here) * slope, ahead)
        x = x + (there - here) * slope
    return x


def schedule(sigmas, calls):
    """The schedule, of ``sigmas(count)``, with the most steps that PFDiff-1 can do with so many calls.

    A schedule may have another number of steps than it is asked for.
    """
    made = (sigmas(count) for count in range(2 * calls + 1, 0, -1))
    return next(levels for levels in made if len(levels) % 2 == 0 and len(levels) // 2 <= calls)
