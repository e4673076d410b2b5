"""The demo networks as a genuine ComfyUI MODEL, and their classes as CONDITIONING. Needs ComfyUI (``comfyui.enter``).

Stock nodes run on it unchanged. Latents are the images themselves, ``[B, 3, 64, 64]`` in [-1, 1].
"""

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.supported_models_base
import torch
from comfy.patcher_extension import WrapperExecutor, WrappersMP, get_all_wrappers

TYPES = {
    "flow": comfy.model_base.ModelType.FLOW,
    "eps": comfy.model_base.ModelType.EPS,
    "v": comfy.model_base.ModelType.V_PREDICTION,
}


class PixelLatents(comfy.latent_formats.LatentFormat):
    latent_channels = 3
    latent_rgb_factors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # for previews


class Network(torch.nn.Module):
    """A velocity network behind the interface of a ComfyUI diffusion model; what it returns depends on the prediction.

    ``calls`` counts evaluations of a batch (conditional and unconditional together), ``images`` those of single images,
    ``seen`` are the calls' sigmas.
    """

    def __init__(self, network, prediction, dtype):
        super().__init__()
        self.network = network
        self.prediction, self.dtype = prediction, dtype
        self.sampling = None  # the MODEL's, set by `model`
        self.calls, self.images, self.seen = 0, 0, []
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
        self.images += len(x)
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


def model(network, prediction, dtype=torch.float32):
    """A velocity network (``[B, 3, H, W], t [B], label [B] -> velocity``) as a MODEL (ModelPatcher)."""
    config = comfy.supported_models_base.BASE({"disable_unet_model_creation": True, "in_channels": 3})
    config.latent_format = PixelLatents()
    config.memory_usage_factor = 0.001  # pixels, small networks; with the stock factor large batches come in parts
    if prediction == "flow":
        config.sampling_settings = {"shift": 3.0}
    base = DemoModel(config, model_type=TYPES[prediction])
    base.diffusion_model = Network(network, prediction, dtype)
    base.diffusion_model.sampling = base.model_sampling
    device, offload = comfy.model_management.get_torch_device(), comfy.model_management.unet_offload_device()
    return comfy.model_patcher.ModelPatcher(base, load_device=device, offload_device=offload)


def conditioning(*labels):
    """The CONDITIONING of a class number for all images of a batch, or of one number for each."""
    return [[torch.tensor(labels, dtype=torch.float32).reshape(-1, 1, 1), {}]]
