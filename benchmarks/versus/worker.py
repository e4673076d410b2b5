"""ComfyUI's side: makes the runs it is told to, one after the other, in ComfyUI's own Python.

    python -m comfyui_fsampler.benchmarks.versus.worker ANSWERS [ComfyUI's arguments]

Each line of stdin is a run (``Job``, images, batch, seed, where to put the latents); each line written to the file
descriptor ANSWERS says how many calls and seconds it took. Everything else that packs print goes to stdout.
"""

import asyncio
import contextlib
import functools
import json
import os
import sys
import time

from ...demo.comfyui import checkout, enter, version
from .matrix import MODELS
from .rivals import CACHES, ORIGINAL, ORIGINAL_15, Job


@functools.cache
def loaded(name):
    """The MODEL of a name in ``MODELS``; the two networks of trained weights come from their files."""
    from ...demo import comfy_model
    from ...demo.mixture import mixture
    from ...demo.problem import load_network

    network, prediction = MODELS[name]
    path = {"unet": "model.safetensors", "dit": "transformer.safetensors"}
    made = mixture() if network == "mixture" else load_network(weights(path[network]))
    return comfy_model.model(made, prediction)


def weights(name):
    from ...demo.problem import WEIGHTS

    return WEIGHTS.with_name(name)


def prepared(job):
    """The MODEL with a rival's patch, in a clone of its own."""
    from ... import NODE_CLASS_MAPPINGS as OURS

    model = loaded(job.model).clone()
    if job.kind == "ours":
        return OURS["FSamplerModel"]().patch(model, "balanced", job.option)[0]
    if job.kind in CACHES:
        from comfy_extras import nodes_easycache

        node = getattr(nodes_easycache, f"{job.kind}Node")
        return node.execute(model, float(job.option), 0.15, 0.95, False).result[0]
    return model


def select(model, job):
    """The original pack's SAMPLER: its node FSamplerSelect, everything but the mode and v1.5's switches as it comes."""
    import nodes

    node = nodes.NODE_CLASS_MAPPINGS["FSamplerSelect"]
    offered = [(name, *rest) for name, (_, *rest) in node.INPUT_TYPES()["required"].items()]
    given = {name: options["default"] for name, *rest in offered for options in rest if "default" in options}
    on = job.kind == ORIGINAL_15
    given |= {"steps": job.steps, "sampler": job.sampler, "skip_mode": job.option}
    given |= {"sigma_aware": on, "extrapolate_denoised": on}
    return getattr(node(), node.FUNCTION)(model=model, **given)[0]


def sample(job, labels, drawn, seed):
    """Latents of some images, from their classes ``[B]`` and noise ``[B, 3, 64, 64]``, as KSampler makes them."""
    import comfy.sample
    import comfy.samplers
    import torch

    from ...demo.comfy_model import conditioning
    from ...demo.model import UNCONDITIONAL

    model, latent = prepared(job), torch.zeros_like(drawn)
    conds = conditioning(*labels.tolist()), conditioning(UNCONDITIONAL)
    torch.manual_seed(seed)
    if job.kind in (ORIGINAL, ORIGINAL_15):
        core = comfy.samplers.KSampler(model, job.steps, model.load_device, job.sampler, job.schedule)
        given = drawn, job.cfg, select(model, job), core.sigmas, *conds, latent
        return comfy.sample.sample_custom(model, *given, disable_pbar=True, seed=seed)
    given = dict(denoise=1.0, disable_pbar=True, seed=seed)
    return comfy.sample.sample(model, drawn, job.steps, job.cfg, job.sampler, job.schedule, *conds, latent, **given)


@contextlib.contextmanager
def one_side_at_a_time(model):
    """Guidance's two sides in calls of their own, as where memory is short: in ComfyUI 0.3.64 EasyCache adds the
    changes of both to both when they share a call, and stops with an error when there are several images."""
    usual, model.memory_usage_factor = model.memory_usage_factor, 1e9
    try:
        yield
    finally:
        model.memory_usage_factor = usual


def perform(job, images, batch, seed, path):
    """Make a run and write its latents; how many evaluations an image took (guidance counts as one), and seconds."""
    import torch
    from safetensors.torch import save_file

    from ...demo.problem import start

    base = loaded(job.model).model
    labels, drawn = start(images, seed, "flow", 1.0)  # an image's depend on the seed and its number alone
    network = base.diffusion_model
    before, seconds, parts = network.images, 0.0, []
    network.seen.clear()
    with one_side_at_a_time(base) if job.kind == "EasyCache" else contextlib.nullcontext():
        for first in range(0, images, batch):
            began = time.perf_counter()
            parts.append(sample(job, labels[first : first + batch], drawn[first : first + batch], seed))
            seconds += time.perf_counter() - began
    save_file({"latents": torch.cat(parts).float().cpu().contiguous()}, path)
    sides = 1 if job.cfg == 1 else 2
    return {"calls": (network.images - before) / (images * sides), "seconds": seconds}


def begin(arguments, threads):
    """Start ComfyUI; what is there: its version, and the original pack or why it is missing."""
    enter(*arguments)
    import comfy.samplers
    import torch

    import nodes

    from ...nodes.schedules import OWN

    if threads:
        torch.set_num_threads(threads)
    for name in {"bong_tangent"} - set(comfy.samplers.SCHEDULER_NAMES):  # as packs add theirs

        def sigmas(sampling, steps, name=name):
            return torch.tensor(OWN[name](sampling, steps))

        comfy.samplers.SCHEDULER_HANDLERS[name] = comfy.samplers.SchedulerHandler(sigmas)
        comfy.samplers.SCHEDULER_NAMES.append(name)
    folder = os.environ.get("ORIGINAL_FSAMPLER")
    original = bool(folder) and asyncio.run(nodes.load_custom_node(folder))
    return {"comfyui": version(checkout()), "original": original and "FSamplerSelect" in nodes.NODE_CLASS_MAPPINGS}


def serve(answers, threads, *arguments):
    """Until stdin ends."""
    with os.fdopen(int(answers), "w") as out:
        out.write(json.dumps(begin(arguments, int(threads))) + "\n")
        out.flush()
        import torch

        with torch.inference_mode():
            for line in sys.stdin:
                asked = json.loads(line)
                out.write(json.dumps(perform(Job(*asked.pop("job")), **asked)) + "\n")
                out.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
