"""Where skipping cannot be right nothing is skipped, and report and log say why."""

import comfy.samplers
import pytest
import rig
import torch


def run(sampler, schedule=None, prediction="flow", caplog=None):
    """Ours and core's samples with the same sampler and schedule, and the report."""
    model, reports = rig.patched(rig.model(prediction), rig.all_skipped(8))
    schedule = rig.sigmas(model, 8) if schedule is None else schedule(model)
    ours = rig.advanced(rig.guided(model), sampler, schedule)
    return ours, rig.advanced(rig.guided(rig.model(prediction)), sampler, schedule), reports.runs[-1]


def in_full(outcome, reason, caplog):
    ours, core, report = outcome
    assert torch.equal(ours, core)
    assert set(report.sequence) == {"R"} and report.calls == report.evaluations
    assert reason in report.notes[0].text
    assert reason in rig.said(caplog)[-1]


@pytest.fixture(autouse=True)
def logged(caplog):
    caplog.set_level("INFO", "comfyui_fsampler")


@pytest.mark.parametrize("name", [name for name in rig.SAMPLERS if name.endswith("cfg_pp")])
def test_cfg_pp(name, caplog):
    in_full(run(rig.ksampler(name)), "CFG++", caplog)


def test_dpm_adaptive(caplog):
    in_full(run(rig.ksampler("dpm_adaptive")), "sizes its steps", caplog)


def test_lcm(caplog):
    """A skipped call leads it to another picture than the full run's, whatever was predicted."""
    in_full(run(rig.ksampler("lcm")), "take fewer steps", caplog)


def test_ar_video(caplog):
    """Core's function needs a video model; one of its name is refused all the same."""

    def sample_ar_video(model, x, sigmas, extra_args=None, **_):
        for sigma, following in zip(sigmas, sigmas[1:], strict=False):
            denoised = model(x, sigma * x.new_ones(len(x)), **extra_args)
            x = denoised + following / sigma * (x - denoised)
        return x

    in_full(run(comfy.samplers.KSAMPLER(sample_ar_video)), "caches", caplog)
    core = getattr(comfy.k_diffusion.sampling, "sample_ar_video", None)
    assert core is None or core.__name__ == "sample_ar_video"  # the name that is looked for


@pytest.mark.parametrize("name", ["euler", "heun", "dpm_2"])
def test_churn(name, caplog):
    in_full(run(rig.ksampler(name, s_churn=5.0), prediction="eps"), "s_churn", caplog)


def test_a_rising_schedule(caplog):
    """Unsampling: FlipSigmas."""

    def flipped(model):
        (schedule,) = rig.custom("FlipSigmas")(sigmas=rig.sigmas(model, 8))
        return schedule

    in_full(run(rig.ksampler(), flipped), "does not fall", caplog)


def test_a_schedule_that_stands_still(caplog):
    def still(model):
        schedule = rig.sigmas(model, 8)
        return torch.cat([schedule[:4], schedule[3:]])

    in_full(run(rig.ksampler(), still), "does not fall at step 3", caplog)


@pytest.mark.parametrize("length", [0, 1])
def test_a_schedule_without_a_step(length):
    """Core returns the latent or nothing is evaluated: no run, no error."""
    model, reports = rig.patched(rig.model())
    ours = rig.advanced(rig.guided(model), rig.ksampler(), rig.sigmas(model, 8)[:length])
    core = rig.advanced(rig.guided(rig.model()), rig.ksampler(), rig.sigmas(model, 8)[:length])
    assert torch.equal(ours, core) and not reports.runs
