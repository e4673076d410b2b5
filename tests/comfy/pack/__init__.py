"""A ComfyUI pack for tests only: the demo model as a genuine MODEL, its classes as CONDITIONING, a pixel-space VAE.

Stock nodes run on it unchanged. Latents are the images themselves, ``[B, 3, 64, 64]`` in [-1, 1]; EmptyLatentImage of
512x512 makes one that fits.
"""

import logging
import sys
import time
from pathlib import Path

import comfy.controlnet
import comfy.model_management
import comfy.samplers
import comfy.sd
import torch

sys.path.append(str(Path(__file__).resolve().parents[2]))

import fsampler_package  # noqa: E402, F401
from fsampler_research.demo import comfy_model  # noqa: E402
from fsampler_research.demo.comfy_model import TYPES, conditioning  # noqa: E402
from fsampler_research.demo.model import CLASSES, UNCONDITIONAL  # noqa: E402
from fsampler_research.demo.problem import load_network  # noqa: E402

logger = logging.getLogger(__name__)


def model(prediction, dtype=torch.float32):
    """The demo model as a MODEL (ModelPatcher)."""
    return comfy_model.model(load_network(), prediction, dtype)


class Push(comfy.controlnet.ControlBase):
    """A ControlNet that adds a constant to the velocity within its range."""

    def get_control(self, x_noisy, t, cond, batched_number, transformer_options):
        previous = None
        if self.previous_controlnet is not None:
            previous = self.previous_controlnet.get_control(x_noisy, t, cond, batched_number, transformer_options)
        if self.timestep_range is not None and not self.timestep_range[1] <= t[0] <= self.timestep_range[0]:
            return previous
        return self.control_merge({"output": [torch.ones_like(x_noisy)]}, previous, x_noisy.dtype)

    def copy(self):
        copied = Push()
        self.copy_to(copied)
        return copied

    def get_models(self):
        return []


class DemoLoader:
    CATEGORY = "testing"
    FUNCTION = "load"
    RETURN_TYPES = ("MODEL", "VAE")

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"prediction": (list(TYPES),)}}

    def load(self, prediction):
        return model(prediction), comfy.sd.VAE(sd={"pixel_space_vae": torch.tensor(1.0)})


class DemoClass:
    CATEGORY = "testing"
    FUNCTION = "encode"
    RETURN_TYPES = ("CONDITIONING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"name": (["(none)", *CLASSES],)}}

    def encode(self, name):
        return (conditioning(UNCONDITIONAL if name == "(none)" else CLASSES.index(name)),)


class SlowSampler(comfy.samplers.Sampler):
    """Another SAMPLER that sleeps after each step, and logs the steps and how many came after an interrupt was set.

    It reports no progress: ComfyUI looks for an interrupt itself whenever something does.
    """

    def __init__(self, sampler, seconds):
        self.sampler, self.seconds = sampler, seconds

    def sample(self, model_wrap, sigmas, extra_args, callback, *rest, **named):
        late = 0

        def slow(step, *_):
            nonlocal late
            late += comfy.model_management.processing_interrupted()
            logger.info("slow sampler: step %d", step)
            time.sleep(self.seconds)

        try:
            return self.sampler.sample(model_wrap, sigmas, extra_args, slow, *rest, **named)
        finally:
            logger.info("slow sampler: %d steps after an interrupt", late)


class DemoSlow:
    CATEGORY = "testing"
    FUNCTION = "build"
    RETURN_TYPES = ("SAMPLER",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"sampler": ("SAMPLER",), "seconds": ("FLOAT", {"default": 0.1})}}

    def build(self, sampler, seconds):
        return (SlowSampler(sampler, seconds),)


class DemoHostile:
    """Says that it has saved files whose names lead out of every folder, and one that is no picture."""

    CATEGORY = "testing"
    FUNCTION = "say"
    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"name": ("STRING", {"default": ""}), "latent": ("LATENT",)}}

    def say(self, name, latent):
        names = (name, "../../../../../../tmp/evil.png", "/etc/passwd", "a\x00b.png", "..\\..\\evil.png")
        return {"ui": {"images": [{"filename": one, "subfolder": "../..", "type": "output"} for one in names]}}


NODE_CLASS_MAPPINGS = {
    "FSamplerTestLoader": DemoLoader,
    "FSamplerTestClass": DemoClass,
    "FSamplerTestSlow": DemoSlow,
    "FSamplerTestHostile": DemoHostile,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "FSamplerTestLoader": "Demo model (test)",
    "FSamplerTestClass": "Demo class (test)",
    "FSamplerTestSlow": "Slow sampler (test)",
}
