"""What the original FSampler's widgets mean here: a sampler, its noise, and the engine's ``Config``."""

import logging
import re
from dataclasses import dataclass, fields

import comfy.samplers
import torch
from comfy.k_diffusion import sampling as k_diffusion

from ..fsampler import Config
from .original_inputs import STABILIZERS
from .sampler import SkippingSampler
from .solver import solver_sampler

logger = logging.getLogger(__name__)

SOLVERS = {
    "euler": "euler",
    "ddim": "ddim",
    "dpmpp_2m": "dpmpp_2m",
    "dpmpp_2s": "dpmpp_2s",
    "res_2m": "res_2m",
    "res_2s": "res_2s",
    "lms": "ab2",  # of order 2, as the original's
}
RES_MULTISTEP = ("res_multistep", "res_multistep_ancestral")  # the same there, add_noise tells them apart
NOISELESS = ("lms", "heun", "gradient_estimation")


@dataclass(frozen=True)
class Skipping:
    """The widgets that say what is skipped and how it is predicted; defaults are the widgets'."""

    skip_mode: str = "none"
    skip_indices: str = ""
    adaptive_mode: str = "none"
    smoothing_beta: float = 0.999
    protect_first_steps: int = 2
    protect_last_steps: int = 2
    anchor_interval: int = 4
    max_consecutive_skips: int = 4
    sigma_aware: bool = False
    extrapolate_denoised: bool = False

    @classmethod
    def of(cls, inputs):
        """From a node's inputs, of which it takes its own."""
        return cls(**{field.name: inputs[field.name] for field in fields(cls) if field.name in inputs})

    def config(self, steps):
        """The engine's ``Config`` for a run of that many steps; raises ValueError for a text it cannot read."""
        listed = self._listed(steps)
        return Config.parse(
            listed or ("off" if self.skip_mode == "none" else self.skip_mode),
            protect_first=self.protect_first_steps,
            protect_last=self.protect_last_steps,
            anchor_interval=self.anchor_interval,
            max_consecutive_skips=self.max_consecutive_skips,
            stabilizer="none" if listed else STABILIZERS[self.adaptive_mode],
            beta=self.smoothing_beta,
            nodes="sigma" if self.sigma_aware else "index",
            space="denoised" if self.extrapolate_denoised else "residual",
        )

    def _listed(self, steps):
        """``skip_indices`` as a mode text, or "" where none of them can be skipped: then ``skip_mode`` holds."""
        order, indices = None, set()
        for token in re.split(r"[\s,]+", self.skip_indices.strip().lower()):
            if re.fullmatch(r"h[0-9]+", token):
                order = order or min(max(int(token[1:]), 2), 4)
            elif re.fullmatch(r"[+-]?[0-9]+", token):
                indices.add(int(token))
            elif token:
                raise ValueError(f"skip_indices has {token!r}; expected step numbers, and h2, h3 or h4 (h2, 3, 4, 7)")
        listed = sorted(i for i in indices if 2 <= i < steps)
        return ", ".join([f"h{order or 2}", *map(str, listed)]) if listed else ""


class OriginalSampler(SkippingSampler):
    """A SAMPLER whose ``Config`` waits for the schedule, since listed steps beyond its end are left out."""

    def __init__(self, sampler, skipping, reports, verbose=False):
        skipping.config(steps=10**4)  # raises before the run for a text it cannot read
        super().__init__(sampler, skipping.config, reports)
        vars(self).update(_verbose=verbose)

    def sample(self, *rest, **named):
        samples = super().sample(*rest, **named)
        if self._verbose and self._reports.runs:
            logger.debug(self._reports.runs[-1].table())
        return samples


def bare_sampler(name, add_noise, noise_type, official):
    """The SAMPLER of that name in the original, without skipping; ``add_noise`` is eta.

    Raises ValueError where noise is asked of a sampler that has no form with noise.
    """
    if add_noise and name in NOISELESS:
        raise ValueError(f"add_noise is {add_noise}, but {name} has no form that adds noise; expected 0")

    def noise(x, seed):
        return step_noise(x, seed, whitened=noise_type == "whitened")

    if name in SOLVERS:
        return solver_sampler(SOLVERS[name], {"eta": add_noise}, noise)
    if name not in RES_MULTISTEP:
        return comfy.samplers.sampler_object(name)
    if not official:
        return solver_sampler("res_2m", {"eta": add_noise}, noise)

    def sample_res_multistep(model, x, sigmas, extra_args=None, **options):
        given = {"eta": add_noise, "noise_sampler": noise(x, (extra_args or {}).get("seed")), **options}
        return k_diffusion.sample_res_multistep_ancestral(model, x, sigmas, extra_args=extra_args, **given)

    return comfy.samplers.KSAMPLER(sample_res_multistep)


def step_noise(x, seed, whitened):
    """A k-diffusion noise sampler like ``x [B, ...]``, drawn on the CPU, the same for a seed on every device.

    Not ComfyUI's: in 0.3.64 its first draw on a CPU is the initial noise again. ``whitened``: mean 0 and deviation 1
    in every sample of every draw. seed None takes torch's own state.
    """
    generator = None if seed is None else torch.Generator().manual_seed((seed + 1) % 2**64)

    def draw(_sigma, _sigma_next):
        noise = torch.randn(x.shape, generator=generator)
        if whitened:
            within = tuple(range(1, x.ndim))
            deviation, mean = torch.std_mean(noise, dim=within, keepdim=True)
            noise = (noise - mean) / deviation
        return noise.to(x)

    return draw
