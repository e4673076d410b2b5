"""What every in-process test needs: the demo MODEL, core's KSampler beside ours, and what the network saw."""

import functools
import importlib
import inspect
import math

import comfy.samplers
import pack
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.nodes.hook import patch
from comfyui_fsampler.nodes.reports import Reports

import nodes

LABEL = 3
SIZE = 32  # half the size the network was trained on, for speed
SAMPLERS = [*comfy.samplers.SAMPLER_NAMES]


@functools.cache
def _loaded(prediction):
    return pack.model(prediction)


def model(prediction="flow"):
    """A clone of the demo MODEL; the network below it is shared."""
    return _loaded(prediction).clone()


def network(model):
    """The demo network of a MODEL, or of any clone: ``calls`` and ``seen`` are its record."""
    return model.model.diffusion_model


def conditionings():
    return {"positive": pack.conditioning(LABEL), "negative": pack.conditioning(pack.UNCONDITIONAL)}


def latent(images=1, value=None, size=SIZE):
    """An empty latent, or one that holds a smooth picture (img2img)."""
    if value is None:
        return {"samples": torch.zeros(images, 3, size, size)}
    wave = torch.linspace(-value, value, size)
    return {"samples": (wave[:, None] * wave[None, :] / value).expand(images, 3, size, size).contiguous()}


DEFAULTS = dict(seed=1, steps=10, cfg=2.0, sampler_name="euler", scheduler="simple", denoise=1.0)


def core(model, **changed):
    """Samples of core's KSampler."""
    given = DEFAULTS | conditionings() | {"latent_image": latent()} | changed
    return nodes.KSampler().sample(model=model, **given)[0]["samples"]


def ours(model, mode="balanced", custom_mode="", settings=None, **changed):
    """Samples and ``Report`` of KSampler (FSampler)."""
    given = DEFAULTS | conditionings() | {"latent_image": latent()} | changed
    result, reports = OURS["FSamplerKSampler"]().sample(model, mode, custom_mode, settings, **given)
    return result["samples"], reports.runs[-1]


def patched(model, mode="balanced", **options):
    """The MODEL that skips, and the ``Reports`` of its runs."""
    reports = Reports()
    return patch(model, Config.parse(mode, **options), reports), reports


def counted(model, run):
    """What ``run()`` returned and how often it called the network."""
    net = network(model)
    before = net.calls
    result = run()
    return result, net.calls - before


def said(caplog):
    """What the pack logged; ComfyUI says things of its own when another test's model is let go."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("comfyui_fsampler")]


def psnr(reference, other):
    """In dB, for latents in [-1, 1]; infinite when equal."""
    error = float((reference.float().clamp(-1, 1) - other.float().clamp(-1, 1)).square().mean())
    return math.inf if error == 0 else 10 * math.log10(4 / error)


def node(module, name, **inputs):
    """The outputs of a node of ``comfy_extras``, in its old form (FUNCTION) and its new one (execute)."""
    found = getattr(importlib.import_module(f"comfy_extras.{module}"), name)
    if hasattr(found, "execute"):
        output = found.execute(**inputs)
        return getattr(output, "result", output)  # core's HyperTile gives a tuple in its new form, too
    return getattr(found(), found.FUNCTION)(**inputs)


def has_node(module, name):
    try:
        return hasattr(importlib.import_module(f"comfy_extras.{module}"), name)
    except ModuleNotFoundError:
        return False


def custom(name):
    """Shorthand for the nodes around SamplerCustom."""
    return functools.partial(node, "nodes_custom_sampler", name)


def sigmas(model, steps=10, scheduler="simple"):
    return comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), scheduler, steps).cpu()


def ksampler(name="euler", **options):
    """A SAMPLER of core."""
    return comfy.samplers.ksampler(name, options)


def guided(model, cfg=2.0, **conds):
    """Core's CFG guider on the usual conditionings."""
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(**(conditionings() | conds))
    guider.set_cfg(cfg)
    return guider


def advanced(guider, sampler, schedule, seed=1, latent_image=None):
    """Samples of SamplerCustomAdvanced."""
    (noise,) = custom("RandomNoise")(noise_seed=seed)
    latent_image = latent() if latent_image is None else latent_image
    inputs = dict(noise=noise, guider=guider, sampler=sampler, sigmas=schedule, latent_image=latent_image)
    return custom("SamplerCustomAdvanced")(**inputs)[0]["samples"]


def all_skipped(steps):
    """The mode that skips every step it may: what is REAL all the same had to be."""
    return "h2, " + ", ".join(map(str, range(2, steps)))


def expected(changes, steps):
    """The sequence of ``all_skipped`` when the model changes at ``changes``: two REAL steps from there."""
    real = {0, 1, *changes, *(step + 1 for step in changes)}
    return "".join("R" if step in real else "S" for step in range(steps))


def changes(model, look, run, schedule):
    """Steps at which the calls of a full run begin to look different: ``look(arguments of a call)``, by sigma."""
    seen = {}

    def watch(apply, arguments):
        seen.setdefault(float(arguments["timestep"][0]), []).append(look(arguments))
        return apply(arguments["input"], arguments["timestep"], **arguments["c"])

    watched = model.clone()
    watched.set_model_unet_function_wrapper(watch)
    run(watched)
    assert list(seen) == [float(s) for s in schedule[:-1]]
    looks = list(seen.values())
    return {i for i in range(1, len(looks)) if looks[i] != looks[i - 1]}


def labels(arguments):
    """For ``changes``: which classes a call is about."""
    return sorted(arguments["c"]["c_crossattn"].flatten().tolist())


def styled(name):
    """The ``style`` input of a guider node in the versions that have it."""
    guider = getattr(importlib.import_module("comfy_extras.nodes_custom_sampler"), name)
    known = inspect.signature(guider.execute if hasattr(guider, "execute") else guider.get_guider).parameters
    return {"style": "regular"} if "style" in known else {}


def wrapped(sampler, mode="balanced"):
    """A SAMPLER that skips."""
    return OURS["FSamplerSampler"]().wrap(sampler, mode)[0]
