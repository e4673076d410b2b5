"""Every sampler node and guider of core: with FSampler (model), and with FSampler Sampler."""

import pack
import pytest
import rig
import torch

MODE = "calls:7"


def basic(model):
    return rig.custom("BasicGuider")(model=model, conditioning=pack.conditioning(3))[0]


def cfg(model):
    return rig.custom("CFGGuider")(model=model, **rig.conditionings(), cfg=2.0)[0]


def dual(model):
    given = dict(cond1=pack.conditioning(3), cond2=pack.conditioning(7), negative=pack.conditioning(12))
    given |= dict(cfg_conds=2.0, cfg_cond2_negative=1.5)
    return rig.custom("DualCFGGuider")(model=model, **given, **rig.styled("DualCFGGuider"))[0]


def perpendicular(model):
    given = dict(**rig.conditionings(), empty_conditioning=pack.conditioning(5), cfg=2.0, neg_scale=1.0)
    return rig.node("nodes_perpneg", "PerpNegGuider", model=model, **given)[0]


GUIDERS = [basic, cfg, dual, perpendicular]


def judge(full, fast, reports, made):
    (report,) = reports.runs
    assert report.calls == report.sequence.count("R") == made == 7
    assert torch.isfinite(fast).all() and rig.psnr(full, fast) > 15


@pytest.mark.parametrize("guider", GUIDERS)
def test_sampler_custom_advanced_with_the_model(guider):
    schedule = rig.sigmas(rig.model())
    full, calls = rig.counted(rig.model(), lambda: rig.advanced(guider(rig.model()), rig.ksampler(), schedule))
    off, _ = rig.patched(rig.model(), "off")
    assert torch.equal(rig.advanced(guider(off), rig.ksampler(), schedule), full)
    model, reports = rig.patched(rig.model(), MODE)
    fast, made = rig.counted(model, lambda: rig.advanced(guider(model), rig.ksampler(), schedule))
    judge(full, fast, reports, made * 10 // calls)


@pytest.mark.parametrize("guider", GUIDERS)
def test_sampler_custom_advanced_with_the_sampler(guider):
    schedule, model = rig.sigmas(rig.model()), rig.model()
    full, calls = rig.counted(model, lambda: rig.advanced(guider(model), rig.ksampler(), schedule))
    assert torch.equal(rig.advanced(guider(model), rig.wrapped(rig.ksampler(), "off"), schedule), full)
    sampler, reports = rig.OURS["FSamplerSampler"]().wrap(rig.ksampler(), "off", MODE)
    fast, made = rig.counted(model, lambda: rig.advanced(guider(model), sampler, schedule))
    judge(full, fast, reports, made * 10 // calls)


@pytest.mark.parametrize("add_noise", [True, False])
def test_sampler_custom(add_noise, prediction):
    def run(model, sampler=None):
        given = dict(add_noise=add_noise, noise_seed=4, cfg=2.0, latent_image=rig.latent(value=0.5))
        given |= dict(sampler=sampler or rig.ksampler(), sigmas=rig.sigmas(model), **rig.conditionings())
        output, denoised = rig.custom("SamplerCustom")(model=model, **given)
        return torch.cat([output["samples"], denoised["samples"]])

    full = run(rig.model(prediction))
    assert torch.equal(run(rig.patched(rig.model(prediction), "off")[0]), full)
    assert torch.equal(run(rig.model(prediction), rig.wrapped(rig.ksampler(), "off")), full)
    model, reports = rig.patched(rig.model(prediction), MODE)
    fast, made = rig.counted(model, lambda: run(model))
    judge(full, fast, reports, made)


def test_model_and_sampler_both_skip():
    """The model's mode is used, once, and both reports say so."""
    model, of_model = rig.patched(rig.model(), MODE)
    sampler, of_sampler = rig.OURS["FSamplerSampler"]().wrap(rig.ksampler(), "turbo")
    both = rig.advanced(rig.guided(model), sampler, rig.sigmas(model))
    assert [report.mode for report in of_model.runs] == [MODE]
    assert [note.code for note in of_model.runs[0].notes] == ["another-fsampler"]
    (passed_over,) = of_sampler.runs
    assert passed_over.mode == "turbo" and not passed_over.records
    assert [note.code for note in passed_over.notes] == ["another-fsampler"]
    assert torch.equal(both, rig.advanced(rig.guided(model), rig.ksampler(), rig.sigmas(model)))
