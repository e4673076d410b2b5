"""A cancel comes through within one step, also while every step is skipped, and leaves nothing behind."""

import comfy.model_management
import pytest
import rig
import torch

STEPS, AT = 12, 6


def sample(model, cancel_at=None, sampler="euler"):
    """Samples; with ``cancel_at`` the user presses cancel when that step is shown."""
    shown = []

    def show(step, *_):
        shown.append(step)
        if step == cancel_at:
            comfy.model_management.interrupt_current_processing()

    noise = torch.randn(rig.latent()["samples"].shape, generator=torch.Generator().manual_seed(1))
    samples = rig.guided(model).sample(
        noise,
        rig.latent()["samples"],
        rig.ksampler(sampler),
        rig.sigmas(model, STEPS),
        callback=show,
        disable_pbar=True,
        seed=1,
    )
    return samples, shown


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpmpp_2m_sde"])
@pytest.mark.parametrize("mode", [rig.all_skipped(STEPS), "h2/s2", "off"])
def test_cancel(mode, sampler, caplog):
    caplog.set_level("INFO", "comfyui_fsampler")
    model, reports = rig.patched(rig.model(), mode)
    shown = []
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        rig.counted(model, lambda: shown.append(sample(model, AT, sampler)))
    assert not reports.runs and not caplog.records  # a cancelled run has no line
    after, shown = sample(model, sampler=sampler)
    fresh, _ = sample(rig.patched(rig.model(), mode)[0], sampler=sampler)
    assert torch.equal(after, fresh) and shown == list(range(STEPS)) and len(reports.runs) == 1


def test_no_call_and_no_step_after_it():
    model, _ = rig.patched(rig.model(), rig.all_skipped(STEPS))
    net, before, shown = rig.network(model), rig.network(model).calls, []

    def show(step, *_):
        shown.append(step)
        if step == AT:
            comfy.model_management.interrupt_current_processing()

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        rig.guided(model).sample(
            rig.latent()["samples"] + 0.3,
            rig.latent()["samples"],
            rig.ksampler(),
            rig.sigmas(model, STEPS),
            callback=show,
            disable_pbar=True,
            seed=1,
        )
    assert shown == list(range(AT + 1)) and net.calls - before == 2


def test_an_error_of_the_model_comes_through(caplog):
    caplog.set_level("INFO", "comfyui_fsampler")
    model, reports = rig.patched(rig.model(), "h2/s2")
    broken = model.clone()

    def fail(apply, arguments):
        raise MemoryError("no memory for this step")

    broken.set_model_unet_function_wrapper(fail)
    with pytest.raises(MemoryError, match="no memory for this step"):
        sample(broken)
    assert not reports.runs and not caplog.records
    assert torch.equal(sample(model)[0], sample(rig.patched(rig.model(), "h2/s2")[0])[0])
