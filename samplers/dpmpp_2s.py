"""DPM-Solver++ (2S), ancestral when eta > 0."""

from torch import Tensor

from .ancestral import Noise, NoiseSampler
from .common import Callback, ExtraArgs, Model, solve
from .two_stage import two_stage


def sample_dpmpp_2s(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: ExtraArgs = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    *,
    r: float = 0.5,
    eta: float = 0.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    flow: bool = False,
) -> Tensor:
    """Order 2, two model calls a step (one on a step to sigma 0): weight 1 / (2 r) on the stage at fraction r.

    r in (0, 1] is the share of the step in lambda = -log(sigma), ValueError otherwise. DPM-Solver++ (arXiv 2211.01095),
    Algorithm 1. Other parameters and errors: `common.Sampler`.

    >>> sample_dpmpp_2s(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]))
    tensor([[0.1000, 0.1000]])
    """
    noise = Noise(eta, s_noise, noise_sampler, flow)
    return solve(two_stage(r, lambda _h: 1 / (2 * r)), model, x, sigmas, extra_args, callback, noise)
