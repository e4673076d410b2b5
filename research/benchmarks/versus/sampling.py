"""Inside ComfyUI: the models, each rival's patch of them, and one run, as KSampler makes it."""

import contextlib
import functools

from .matrix import MODELS
from .rivals import CACHES, ORIGINAL, ORIGINAL_15, PACKS, SPECTRUM, SPECTRUM_FITS


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
    from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS

    model = loaded(job.model).clone()
    if job.kind == "ours":
        return OURS["FSamplerModel"]().patch(model, "balanced", job.option)[0]
    if job.kind in CACHES:
        from comfy_extras import nodes_easycache

        node = getattr(nodes_easycache, f"{job.kind}Node")
        return node.execute(model, float(job.option), 0.15, 0.95, False).result[0]
    if job.kind == SPECTRUM:
        return spectrum(model, job)
    return model


def spectrum(model, job):
    """The node of ComfyUI-Spectrum-sdxl; its last three steps are REAL, as its page recommends."""
    import nodes

    fit, window = job.option.split(", ")
    w, m, lam, warmup = SPECTRUM_FITS[fit]
    size, growth = window.split(" +")
    made = nodes.NODE_CLASS_MAPPINGS[PACKS["SPECTRUM_SDXL"].node]()
    return made.patch(model, w, m, lam, int(size), float(growth), warmup, max(job.steps - 3, 1))[0]


def select(model, job):
    """The original pack's SAMPLER: its node FSamplerSelect, everything but the mode and v1.5's switches as it comes."""
    import nodes

    node = nodes.NODE_CLASS_MAPPINGS[PACKS["ORIGINAL_FSAMPLER"].node]
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
