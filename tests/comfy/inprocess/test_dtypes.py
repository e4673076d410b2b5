"""Half precision, of the latents and of the model, and a compiled model."""

import pack
import pytest
import rig
import torch
from comfy_api.torch_helpers import set_torch_compile_wrapper

HALF = [torch.float16, torch.bfloat16]


def check(model, floor, **given):
    """off is core, skipping is close; the dtypes are core's."""
    full = rig.core(model, **given)
    assert torch.equal(rig.ours(model, "off", **given)[0], full)
    (fast, report), made = rig.counted(model, lambda: rig.ours(model, custom_mode="calls:7", **given))
    assert made == report.calls and report.sequence.count("R") == 7
    assert fast.dtype == full.dtype and torch.isfinite(fast).all() and rig.psnr(full, fast) > floor


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("sampler", ["euler", "heun", "dpmpp_2m", "euler_ancestral", "uni_pc", "dpmpp_sde"])
def test_half_latents(dtype, sampler):
    check(rig.model("eps"), 15, latent_image={"samples": rig.latent()["samples"].to(dtype)}, sampler_name=sampler)


@pytest.mark.parametrize("dtype", HALF)
def test_half_latents_with_a_picture(dtype):
    latent_image = {"samples": rig.latent(value=0.8)["samples"].to(dtype)}
    check(rig.model(), 25, latent_image=latent_image, denoise=0.6)


@pytest.mark.parametrize("kind", ["flow", "eps", "v"])
def test_a_bf16_model(kind):
    check(pack.model(kind, torch.bfloat16), 15)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model(backend):
    """Core's own wrapper, as its TorchCompileModel node uses it; compiled, it is still the same model."""
    model = rig.model()
    set_torch_compile_wrapper(model, backend=backend, keys=["diffusion_model.network"])
    check(model, 15)
    assert rig.psnr(rig.core(model), rig.core(rig.model())) > 50
