"""A ComfyUI pack for tests only: the demo model as a genuine MODEL, its classes as CONDITIONING, a pixel-space VAE.

Stock nodes run on it unchanged. Latents are the images themselves, ``[B, 3, 64, 64]`` in [-1, 1]; EmptyLatentImage of
512x512 makes one that fits.
"""

import importlib.util
import logging
import sys
import time
from pathlib import Path

import comfy.controlnet
import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.samplers
import comfy.sd
import comfy.supported_models_base
import torch
from comfy.patcher_extension import WrapperExecutor, WrappersMP, get_all_wrappers

ROOT = Path(__file__).resolve().parents[3]
logger = logging.getLogger(__name__)

if "comfyui_fsampler" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "comfyui_fsampler", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    sys.modules["comfyui_fsampler"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["comfyui_fsampler"])

from comfyui_fsampler.demo.model import CLASSES, UNCONDITIONAL  # noqa: E402
from comfyui_fsampler.demo.problem import load_network  # noqa: E402

TYPES = {
    "flow": comfy.model_base.ModelType.FLOW, "eps": comfy.model_base.ModelType.EPS,
    "v": comfy.model_base.ModelType.V_PREDICTION,
}  # fmt: skip


class PixelLatents(comfy.latent_formats.LatentFormat):
    latent_channels = 3
    latent_rgb_factors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # for previews


class Network(torch.nn.Module):
    """The demo network behind the interface of a ComfyUI diffusion model; what it returns depends on the prediction.

    ``calls`` counts evaluations of a batch (conditional and unconditional together); ``seen`` their sigmas.
    """

    def __init__(self, prediction, dtype):
        super().__init__()
        self.network = load_network()
        self.prediction, self.dtype = prediction, dtype
        self.sampling = None  # the MODEL's, set by `model`
        self.calls, self.seen = 0, []
        self.to(dtype)

    def forward(self, x, timesteps, context=None, control=None, transformer_options=None, **kwargs):
        options = {} if transformer_options is None else transformer_options
        wrappers = get_all_wrappers(WrappersMP.DIFFUSION_MODEL, options)
        executor = WrapperExecutor.new_class_executor(self._forward, self, wrappers)
        return executor.execute(x, timesteps, context, control, options, **kwargs)

    def _forward(self, x, timesteps, context, control, transformer_options, **kwargs):
        flow = self.prediction == "flow"  # there sigma() is not the inverse of timestep(): it shifts
        sigma = timesteps / self.sampling.multiplier if flow else self.sampling.sigma(timesteps)
        sigma = sigma.to(x).reshape(-1, 1, 1, 1)
        self.calls += 1
        self.seen.append(float(sigma.flatten()[0]))
        labels = context[:, 0, 0].round().long()
        if flow:
            state, t = x, sigma
        else:  # x arrives divided by sqrt(1 + sigma^2)
            state, t = x * (1 + sigma**2).sqrt() / (1 + sigma), sigma / (1 + sigma)
        velocity = self.network(state, t.flatten(), labels)
        if control is not None:
            velocity = velocity + control["output"][0].to(velocity)
        if flow:
            return velocity
        if self.prediction == "eps":
            return state + (1 - t) * velocity
        noisy, denoised = state * (1 + sigma), state - t * velocity
        return (noisy / (1 + sigma**2) - denoised) * (1 + sigma**2).sqrt() / sigma


class DemoModel(comfy.model_base.BaseModel):
    def extra_conds(self, **kwargs):
        out = super().extra_conds(**kwargs)
        if "c_crossattn" not in out and kwargs.get("cross_attn") is not None:
            out["c_crossattn"] = comfy.conds.CONDRegular(kwargs["cross_attn"])
        return out


def model(prediction, dtype=torch.float32):
    """The demo model as a MODEL (ModelPatcher)."""
    config = comfy.supported_models_base.BASE({"disable_unet_model_creation": True, "in_channels": 3})
    config.latent_format = PixelLatents()
    if prediction == "flow":
        config.sampling_settings = {"shift": 3.0}
    base = DemoModel(config, model_type=TYPES[prediction])
    base.diffusion_model = Network(prediction, dtype)
    base.diffusion_model.sampling = base.model_sampling
    device, offload = comfy.model_management.get_torch_device(), comfy.model_management.unet_offload_device()
    return comfy.model_patcher.ModelPatcher(base, load_device=device, offload_device=offload)


def conditioning(label):
    """The CONDITIONING of a class number."""
    return [[torch.full((1, 1, 1), float(label)), {}]]


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
    "FSamplerTestLoader": DemoLoader, "FSamplerTestClass": DemoClass, "FSamplerTestSlow": DemoSlow,
    "FSamplerTestHostile": DemoHostile,
}  # fmt: skip
NODE_DISPLAY_NAME_MAPPINGS = {
    "FSamplerTestLoader": "Demo model (test)", "FSamplerTestClass": "Demo class (test)",
    "FSamplerTestSlow": "Slow sampler (test)",
}  # fmt: skip
