"""Previews and the progress bar see every step once, in order, also skipped ones."""

import comfy.samplers
import comfy.utils
import pytest
import rig
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS

import nodes

STEPS = 10


def shown(model, sampler):
    """(step, total) of every callback; what it shows is finite."""
    calls = []

    def show(step, denoised, x, total):
        assert torch.isfinite(denoised).all() and torch.isfinite(x).all() and denoised.shape == x.shape
        calls.append((step, total))

    noise = torch.randn(rig.latent()["samples"].shape, generator=torch.Generator().manual_seed(1))
    rig.guided(model).sample(
        noise, rig.latent()["samples"], sampler, rig.sigmas(model, STEPS), callback=show, disable_pbar=True, seed=1
    )
    return calls


@pytest.mark.parametrize("name", ["euler", "heun", "dpmpp_2m", "dpmpp_2m_sde", "uni_pc", "dpmpp_2s_ancestral", "ipndm"])
def test_the_callback(name):
    model, reports = rig.patched(rig.model(), "calls:6")
    calls = shown(model, rig.ksampler(name) if name != "uni_pc" else comfy.samplers.sampler_object(name))
    assert calls == [(step, STEPS) for step in range(STEPS)]
    assert reports.runs[-1].sequence.count("S") == 4


@pytest.mark.parametrize("name", list(OURS["FSamplerSolver"].INPUT_TYPES()["required"]["solver"][0]))
def test_the_callback_and_the_bar_of_our_solvers(name, capsys):
    sampler, reports = OURS["FSamplerSolver"]().build(name, 0.0, 2, "off", "calls:6")
    assert shown(rig.model(), sampler) == [(step, STEPS) for step in range(STEPS)]
    rig.advanced(rig.guided(rig.model()), sampler, rig.sigmas(rig.model(), STEPS))
    assert f"{STEPS}/{STEPS}" in capsys.readouterr().err
    assert reports.runs[-1].sequence.count("S") == 4


def test_the_progress_that_a_browser_shows(monkeypatch):
    """What reaches ComfyUI's progress hook is the same as with core's node."""
    monkeypatch.setattr(comfy.utils, "PROGRESS_THROTTLE_MIN_INTERVAL", 0, raising=False)
    seen = []
    comfy.utils.set_progress_bar_global_hook(lambda value, total, *_, **__: seen.append((value, total)))
    try:
        given = rig.DEFAULTS | rig.conditionings() | dict(latent_image=rig.latent(), steps=STEPS)
        nodes.KSampler().sample(model=rig.model(), **given)
        core, seen[:] = list(seen), []
        OURS["FSamplerKSampler"]().sample(rig.model(), "balanced", "calls:6", **given)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    assert seen == core and (STEPS, STEPS) in seen
