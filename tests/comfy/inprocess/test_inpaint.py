"""Inpainting: skipping sits inside ComfyUI's blend, so a kept area stays exactly what it was, at every step."""

import pytest
import rig
import torch

STEPS = 10


def area():
    """A mask that keeps the left half: ``[1, H, W]``, 1 is repainted; a ramp, for DifferentialDiffusion."""
    mask = torch.zeros(1, rig.SIZE, rig.SIZE)
    mask[:, :, rig.SIZE // 2 :] = 1
    return mask, torch.linspace(0, 1, rig.SIZE).expand_as(mask)


def sample(model, mask, sampler="euler"):
    """Samples and what every step showed as denoised."""
    shown = []
    guider = rig.guided(model)
    picture = rig.latent(value=0.8)["samples"]
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    samples = guider.sample(
        noise,
        picture,
        rig.ksampler(sampler),
        rig.sigmas(model, STEPS),
        denoise_mask=mask,
        callback=lambda step, denoised, x, total: shown.append(denoised.clone()),
        disable_pbar=True,
        seed=1,
    )
    return samples, shown, picture


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "heun", "euler_ancestral"])
def test_the_kept_area_is_untouched_on_every_step(sampler, prediction):
    mask, _ = area()
    model, reports = rig.patched(rig.model(prediction), "calls:7")
    samples, shown, picture = sample(model, mask, sampler)
    assert reports.runs[-1].sequence.count("S") == 3
    for denoised in [*shown, samples]:
        kept, was = (t[..., : rig.SIZE // 2] for t in (denoised, picture))
        assert torch.allclose(kept, was, atol=1e-5)
    full, _, _ = sample(rig.model(prediction), mask, sampler)
    assert rig.psnr(full, samples) > 20


def test_a_skipped_step_predicts_the_model_not_the_blend():
    """What the engine learns from is the model's own answer: a constant model is predicted exactly, whatever the
    mask."""
    mask, _ = area()
    model, reports = rig.patched(rig.model("eps"), rig.all_skipped(STEPS), space="denoised")
    told = []

    def constant(apply, arguments):
        told.append(arguments["input"])
        return torch.zeros_like(arguments["input"]) + 0.25

    model.set_model_unet_function_wrapper(constant)
    bare = rig.model("eps")
    bare.set_model_unet_function_wrapper(constant)
    ours, full = sample(model, mask)[0], sample(bare, mask)[0]
    assert reports.runs[-1].sequence == "RR" + "S" * (STEPS - 2) and len(told) == 2 + STEPS
    assert torch.isfinite(ours).all() and ours.shape == full.shape


def test_differential_diffusion(prediction):
    """The mask of every step is another; the area kept at a step is exact at that step, skipped or not."""
    _, ramp = area()
    (differential,) = rig.node("nodes_differential_diffusion", "DifferentialDiffusion", model=rig.model(prediction))
    model, reports = rig.patched(differential, "calls:7")
    samples, shown, picture = sample(model, ramp)
    full, shown_full, _ = sample(differential, ramp)
    assert reports.runs[-1].sequence.count("S") == 3
    for step, (ours, core) in enumerate(zip(shown, shown_full, strict=True)):
        kept = torch.isclose(core, picture, atol=1e-6).all(dim=1)[0].all(dim=0)  # columns that this step keeps
        assert torch.allclose(ours[..., kept], picture[..., kept], atol=1e-5), step
    assert rig.psnr(full, samples) > 25
