"""ComfyUI's side: makes the runs it is told to, one after the other, with samplers of its own.

    python -m fsampler_research.benchmarks.steering.worker ANSWERS THREADS [ComfyUI's arguments]

Each line of stdin names a run (``comfy.ComfyRuns``) and where its latents go; each line written to the file descriptor
ANSWERS says at which evaluations a run of ours called the model.
"""

import json
import os
import sys

import torch
from safetensors.torch import save_file

from ...demo.comfyui import enter
from .matrix import Cell
from .noise_path import NoisePath, ancestral_clock, er_sde_clock
from .problem import Problem
from .runs import Ours, Runs


class Patched:
    """A denoiser with the ways to the MODEL's sampling that samplers take."""

    def __init__(self, model, sampling):
        self.model, self.sampling = model, sampling
        self.model_sampling = sampling
        self.inner_model = self.model_patcher = self

    def get_model_object(self, _name):
        return self.sampling

    def __call__(self, x, sigma, **extra):
        return self.model(x, sigma, **extra)


def sampling_of(cell):
    """A MODEL's sampling, for a cell."""
    import comfy.model_sampling as kinds

    flow = cell.prediction == "flow"
    bases = (kinds.ModelSamplingDiscreteFlow, kinds.CONST) if flow else (kinds.ModelSamplingDiscrete, kinds.EPS)
    made = type("Sampling", bases, {})()
    if flow and cell.shift is not None:
        made.set_parameters(shift=cell.shift)
    return made


def solver(cell):
    """ComfyUI's sampler of a cell, in k-diffusion's signature, as ``Runs`` calls it."""
    from comfy.extra_samplers.uni_pc import sample_unipc
    from comfy.k_diffusion import sampling

    def uni_pc(model, x, sigmas, extra_args=None, callback=None, disable=None):
        return sample_unipc(model, x, sigmas.clone(), extra_args or {}, callback, True)  # it writes into its sigmas

    def res_multistep(model, x, sigmas, extra_args=None, callback=None, disable=None):
        return sampling.sample_res_multistep(model, x, sigmas, extra_args or {}, callback, True)

    def noisy(model, x, sigmas, extra_args=None, callback=None, disable=None, *, first=0, noise_sampler=None):
        clock = er_sde_clock if cell.sampler == "er_sde" else ancestral_clock
        seeds = [100_003 * (first + i) + 50_000 for i in range(len(x))]  # an image's noise depends on its number alone
        full = Problem(cell, 0, 0).sigmas().tolist()
        noise = NoisePath(x.shape[1:], seeds, clock, cell.prediction == "flow", full)
        sample, patched = getattr(sampling, f"sample_{cell.sampler}"), Patched(model, sampling_of(cell))
        return sample(patched, x, sigmas, extra_args or {}, callback, True, noise_sampler=noise_sampler or noise)

    return {"uni_pc": uni_pc, "res_multistep": res_multistep}.get(cell.sampler, noisy)


def perform(cell, images, seed, told, what, given, only, path):
    """Make a run, write its latents, and say what else is known of it."""
    cell = Cell(*cell)
    runs = Runs(Problem(cell, images, seed, told), solver(cell))
    made = getattr(runs, what)(given, slice(*only))
    save_file({"latents": (made.latents if isinstance(made, Ours) else made).contiguous()}, path)
    return {"kinds": made.kinds} if isinstance(made, Ours) else {}


def serve(answers, threads, *arguments):
    """Until stdin ends."""
    with os.fdopen(int(answers), "w") as out:
        enter(*arguments)
        torch.set_num_threads(int(threads) or torch.get_num_threads())
        out.write("{}\n")
        out.flush()
        with torch.inference_mode():
            for line in sys.stdin:
                out.write(json.dumps(perform(**json.loads(line))) + "\n")
                out.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
