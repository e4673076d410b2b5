"""Diffusion ODE/SDE solvers with k-diffusion's signature, which `common.Sampler` explains."""

from .common import Sampler
from .dpmpp_2m import sample_dpmpp_2m
from .dpmpp_2s import sample_dpmpp_2s
from .euler import sample_euler
from .lms import sample_ab2, sample_lms
from .res_2s import sample_res_2s
from .res_multistep import sample_res_2m, sample_res_3m

SOLVERS: dict[str, Sampler] = {
    "euler": sample_euler,
    "ddim": sample_euler,  # the same map; eta is DDIM's eta
    "dpmpp_2m": sample_dpmpp_2m,
    "dpmpp_2s": sample_dpmpp_2s,
    "lms": sample_lms,
    "ab2": sample_ab2,
    "res_2m": sample_res_2m,
    "res_3m": sample_res_3m,
    "res_2s": sample_res_2s,
}


def get(name: str) -> Sampler:
    """Return the solver of that name; raise ValueError listing the valid names.

    >>> get("euler").__name__
    'sample_euler'
    """
    if name not in SOLVERS:
        raise ValueError(f'unknown sampler "{name}"; expected one of {", ".join(SOLVERS)}')
    return SOLVERS[name]
