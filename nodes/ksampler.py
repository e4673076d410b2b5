"""KSampler (FSampler) and its advanced form: ComfyUI's own nodes with a mode."""

import nodes as core

from .hook import patch
from .mode import FASTER, MODE, ModeNode, config_of
from .reports import Reports


class _SkippingKSampler(ModeNode):
    """Inputs of ``core_node`` in its names and order, then ours; the sampling itself is the core node's."""

    core_node: type
    core_inputs: tuple[str, ...]

    FUNCTION = "sample"
    RETURN_TYPES = ("LATENT", "FSAMPLER_REPORT")
    RETURN_NAMES = ("latent", "report")
    OUTPUT_TOOLTIPS = ("The denoised latent.", "What the run did; connect it to FSampler Report.")

    @classmethod
    def INPUT_TYPES(cls):
        offered = cls.core_node.INPUT_TYPES()["required"]
        required = {name: offered[name] for name in cls.core_inputs}
        return {"required": required | {"mode": MODE}, "optional": cls.OPTIONAL}

    def sample(self, model, mode, custom_mode="", settings=None, **inputs):
        reports = Reports()
        model = patch(model, config_of(mode, custom_mode, settings), reports)
        return *self.core_node().sample(model=model, **inputs), reports


class FSamplerKSampler(_SkippingKSampler):
    core_node = core.KSampler
    core_inputs = (
        "model",
        "seed",
        "steps",
        "cfg",
        "sampler_name",
        "scheduler",
        "positive",
        "negative",
        "latent_image",
        "denoise",
    )
    DESCRIPTION = "KSampler that skips model calls. With mode off it is ComfyUI's KSampler, bit for bit."
    SEARCH_ALIASES = [*FASTER, "ksampler", "sample", "fast ksampler"]


class FSamplerKSamplerAdvanced(_SkippingKSampler):
    core_node = core.KSamplerAdvanced
    core_inputs = (
        "model",
        "add_noise",
        "noise_seed",
        "steps",
        "cfg",
        "sampler_name",
        "scheduler",
        "positive",
        "negative",
        "latent_image",
        "start_at_step",
        "end_at_step",
        "return_with_leftover_noise",
    )
    DESCRIPTION = (
        "KSampler (Advanced) that skips model calls. In a chain of stages (Wan 2.2 high and low noise) each stage "
        "plans its own steps."
    )
    SEARCH_ALIASES = [*FASTER, "ksampler advanced", "wan 2.2", "two stages"]
