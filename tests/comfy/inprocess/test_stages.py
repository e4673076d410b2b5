"""Two stages with leftover noise between them (Wan 2.2, high and low noise): each plans its own steps."""

import pack
import pytest
import rig
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS

import nodes

STEPS, CUT = 16, 8


def stage(node, model, latent_image, first, last, **ours):
    given = rig.DEFAULTS | rig.conditionings() | dict(steps=STEPS, latent_image=latent_image)
    given["noise_seed"] = given.pop("seed")
    del given["denoise"]
    begins, ends = first == 0, last == STEPS
    return node().sample(
        model=model,
        add_noise="enable" if begins else "disable",
        start_at_step=first,
        end_at_step=last,
        return_with_leftover_noise="disable" if ends else "enable",
        **given,
        **ours,
    )


def two_stages(high, low, **ours):
    node = OURS["FSamplerKSamplerAdvanced"] if ours else nodes.KSamplerAdvanced
    handed_on, *first = stage(node, high, rig.latent(), 0, CUT, **ours)
    result, *second = stage(node, low, handed_on, CUT, STEPS, **ours)
    return result["samples"], [reports.runs[-1] for reports in first + second]


@pytest.fixture(scope="module")
def low():
    """Another network: the first one's velocity, a little weaker."""
    model = pack.model("flow")
    with torch.no_grad():
        model.model.diffusion_model.network.head.weight.mul_(0.97)
    return model


def test_off_is_core(low):
    high = rig.model()
    samples, reports = two_stages(high, low, mode="off")
    assert torch.equal(samples, two_stages(high, low)[0])
    assert [report.calls for report in reports] == [CUT, STEPS - CUT]


def test_each_stage_plans_its_own_steps(low):
    high = rig.model()
    (samples, (first, second)), made = rig.counted(
        high, lambda: rig.counted(low, lambda: two_stages(high, low, mode="balanced", custom_mode="calls:6"))[0]
    )
    assert first.steps == CUT and second.steps == STEPS - CUT
    assert first.sequence.count("R") == second.sequence.count("R") == 6 and made == 6
    assert second.sequence.startswith("RR")  # the other model is asked before it is predicted
    assert rig.psnr(two_stages(high, low)[0], samples) > 25


def test_only_the_end_is_protected(low):
    """With three protected steps the first stage may skip up to its last one, which is not the end; the second not."""
    settings = {"protect_last": 3}
    _, (first, second) = two_stages(rig.model(), low, mode="h2/s2", custom_mode="h2/s1", settings=settings)
    assert "S" in first.sequence[-3:]
    assert second.sequence[-3:] == "RRR" and "S" in second.sequence


@pytest.mark.parametrize("mode", ["balanced", "turbo", "calls:5"])
def test_what_is_handed_on_is_noisy_and_close(low, mode):
    node = OURS["FSamplerKSamplerAdvanced"]
    handed_on, reports = stage(node, rig.model(), rig.latent(), 0, CUT, mode="off", custom_mode=mode)
    full = stage(nodes.KSamplerAdvanced, rig.model(), rig.latent(), 0, CUT)[0]
    assert reports.runs[-1].mode == mode and reports.runs[-1].steps == CUT
    assert rig.psnr(full["samples"] / 4, handed_on["samples"] / 4) > 25


@pytest.mark.parametrize("name", ["euler", "uni_pc"])
def test_a_last_sigma_that_the_sampler_overwrites_is_still_the_end(name):
    """uni_pc puts 0.001 in place of the 0; step 10 of 11 would be the cadence's next skip."""
    _, report = rig.ours(rig.model("eps"), "h2/s2", sampler_name=name, steps=11)
    assert report.sequence == "RRRRSRRSRRR"
