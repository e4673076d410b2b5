"""RES (2S): the refined two-stage exponential solver, ancestral when eta > 0."""

from torch import Tensor

from .ancestral import Noise, NoiseSampler
from .common import Callback, ExtraArgs, Model, solve
from .phi import phi_1, phi_2
from .two_stage import two_stage


def sample_res_2s(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: ExtraArgs = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    *,
    c2: float = 0.5,
    eta: float = 0.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    flow: bool = False,
) -> Tensor:
    """Order 2 with the stiff order conditions met, two model calls a step (one on a step to sigma 0).

    b2 = phi_2(-h) / c2, b1 = phi_1(-h) - b2: RES (arXiv 2308.02157), Algorithm 1, after Hochbruck & Ostermann, Explicit
    exponential Runge-Kutta methods for semilinear parabolic problems (SIAM J. Numer. Anal. 2005). c2 in (0, 1] is the
    place of the second call in the step, as a share of it in lambda = -log(sigma), ValueError otherwise. Other
    parameters and errors: `common.Sampler`.

    >>> sample_res_2s(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]))
    tensor([[0.1000, 0.1000]])
    """
    noise = Noise(eta, s_noise, noise_sampler, flow)
    stages = two_stage(c2, lambda h: phi_2(-h) / (c2 * phi_1(-h)))
    return solve(stages, model, x, sigmas, extra_args, callback, noise)
