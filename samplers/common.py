"""What every solver shares: its signature (`Sampler`), input checks, precision, the loop, the Euler/DDIM map.

All solvers integrate dx/dsigma = (x - denoised) / sigma, the probability-flow ODE of VE AND of flow models, so
lambda = -log(sigma) serves both and is finite at flow sigma = 1. A step to sigma = 0 returns `denoised`.

Precision: half-precision x is integrated in float32, the model still gets it in its own dtype, and so does the caller.
The sigma vector has the precision of the state: a half sigma would be off by up to 1e-3 (float16) or 8e-3 (bfloat16).
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, Protocol, TypedDict

import torch
from torch import Tensor

from .ancestral import Noise


class Step(TypedDict):
    """What `callback` gets once a step, after the step's first model call."""

    x: Tensor  # [B, ...], the state at sigma
    i: int  # of the step, from 0
    sigma: Tensor  # 0-d, the entry i of `sigmas`
    sigma_hat: Tensor  # the same
    denoised: Tensor  # [B, ...], the model's answer


Model = Callable[..., Tensor]  # model(x [B, ...], sigma [B], **extra_args) -> denoised [B, ...]
ExtraArgs = Mapping[str, Any] | None
Callback = Callable[[Step], object]


class Sampler(Protocol):
    """The signature of every solver, k-diffusion's: x `[B, ...]` at sigmas[0] in, x at sigmas[-1] out.

    `model(x, sigma [B], **extra_args)` returns `denoised [B, ...]`. `sigmas [steps + 1]` falls strictly; only its last
    entry may be 0. `callback` gets a `Step` a step. `disable` is k-diffusion's switch for its progress bar: there is
    none here, so it has no effect. Solvers that can add fresh noise also take eta (default 0: the ODE), s_noise (1),
    noise_sampler (`torch.randn_like`) and flow (False); `ancestral.Noise` explains them.

    The result is a new tensor in the dtype of x. Raises ValueError for an x that is no floating-point batch, for
    sigmas that are no schedule (the message has the index), and for options out of range.
    """

    def __call__(
        self,
        model: Model,
        x: Tensor,
        sigmas: Tensor,
        extra_args: ExtraArgs = None,
        callback: Callback | None = None,
        disable: bool | None = None,
        *args: Any,  # with options: Any, this says that solvers have further parameters of their own
        **options: Any,
    ) -> Tensor: ...


class Node(NamedTuple):
    """A point of the trajectory at which the model was called: x and denoised, both `[B, ...]`, at sigma."""

    sigma: float
    x: Tensor
    denoised: Tensor


# advance(history, target, sigma_next, evaluate) -> x at sigma `target` > 0. `history` holds Nodes, newest (the present
# one) first; target <= sigma_next, and lower only on ancestral steps; evaluate(x, sigma) calls the model.
Evaluate = Callable[[Tensor, float], Tensor]
Advance = Callable[[deque[Node], float, float, Evaluate], Tensor]


def euler_step(x: Tensor, denoised: Tensor, sigma: float, target: float) -> Tensor:
    """Move x on the straight line to `denoised`, both `[B, ...]`: r x + (1 - r) denoised, r = target / sigma."""
    return torch.lerp(x, denoised, (sigma - target) / sigma)


def check_x(x: Tensor) -> None:
    """Raise ValueError unless x is a floating-point batch `[B, ...]`."""
    if not x.is_floating_point() or x.ndim == 0:
        raise ValueError(f"x has dtype {x.dtype} and shape {tuple(x.shape)}; expected a floating-point batch")


def check_sigmas(sigmas: Tensor, flow: bool = False) -> list[float]:
    """Return sigmas `[steps + 1]` as floats, the only device-to-host copy of a run.

    Raises ValueError with the index where they are no schedule: not finite, negative, not strictly decreasing, 0 before
    the end, or above 1 on a flow model.
    """
    if sigmas.ndim != 1 or len(sigmas) < 2:
        raise ValueError(f"sigmas has shape {tuple(sigmas.shape)}; expected one dimension with at least two entries")
    levels = [float(sigma) for sigma in sigmas.tolist()]
    for i, sigma in enumerate(levels):
        if not math.isfinite(sigma):
            raise ValueError(f"non-finite sigma {sigma} at index {i}; expected finite sigmas")
        if sigma < 0:
            raise ValueError(f"negative sigma {sigma} at index {i}; expected sigmas >= 0")
        if flow and sigma > 1:
            raise ValueError(f"sigma {sigma} at index {i}; expected sigmas in [0, 1] on a flow model")
        if i and sigma >= levels[i - 1]:
            what = "repeated" if sigma == levels[i - 1] else "increasing"
            raise ValueError(f"{what} sigma {sigma} at index {i}; expected strictly decreasing sigmas")
        if sigma == 0 and i < len(levels) - 1:
            raise ValueError(f"sigma 0 at index {i} of {len(levels)}; expected only the last sigma to be 0")
    return levels


@torch.no_grad()
def solve(
    advance: Advance,
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: ExtraArgs = None,
    callback: Callback | None = None,
    noise: Noise | None = None,
    memory: int = 1,
) -> Tensor:
    """Run `advance` over the schedule and return x at the last sigma, a new tensor `[B, ...]` in the dtype of x.

    `memory` is the number of nodes, the present one included, that `advance` gets; without `noise` it is the ODE that
    is solved. The rest, and the errors, as in `Sampler`.
    """
    noise = noise or Noise()
    check_x(x)
    levels = check_sigmas(sigmas, noise.flow)
    dtype, extra = x.dtype, extra_args or {}
    x = x.to(torch.promote_types(dtype, torch.float32))

    def evaluate(x: Tensor, sigma: float) -> Tensor:
        return model(x.to(dtype), x.new_full((x.shape[0],), sigma), **extra).to(x.dtype, copy=True)

    history: deque[Node] = deque(maxlen=memory)
    for i, (sigma, sigma_next) in enumerate(pairwise(levels)):
        denoised = evaluate(x, sigma)
        if callback is not None:
            callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
        history.appendleft(Node(sigma, x, denoised))
        target, scale, up = noise.split(sigma, sigma_next)
        # h is infinite at target 0, where x tends to `denoised`; a copy, since the model may keep its own
        x = denoised if target == 0 else advance(history, target, sigma_next, evaluate)
        x = noise.add(x, scale, up, sigmas[i], sigmas[i + 1])
    return x.to(dtype)
