"""No run leaves anything for the next: not a figure, not a tensor."""

import gc

import comfy.model_management
import pytest
import rig
import torch

MODE = "h2/s2"


def sample(model, seed=1, sampler="euler", steps=10):
    return rig.core(model, seed=seed, sampler_name=sampler, steps=steps)


def fresh(mode=MODE, **given):
    return sample(rig.patched(rig.model(), mode)[0], **given)


def test_two_prompts_in_a_row():
    model, reports = rig.patched(rig.model(), MODE)
    first, second = sample(model), sample(model)
    assert torch.equal(first, second) and torch.equal(first, fresh())
    assert reports.runs[0] == reports.runs[1] and reports.runs[0] is not reports.runs[1]


def test_another_seed_number_of_steps_and_sampler():
    model, reports = rig.patched(rig.model(), MODE)
    for given in (dict(seed=1), dict(seed=2), dict(steps=7), dict(sampler="heun"), dict(sampler="dpmpp_2m_sde")):
        assert torch.equal(sample(model, **given), fresh(**given))
    assert [report.steps for report in reports.runs] == [10, 10, 7, 10, 10]


def test_off_after_a_skipping_run():
    model = rig.model()
    bare = sample(model)
    skipping, _ = rig.patched(model, MODE)
    assert not torch.equal(sample(skipping), bare)
    off, reports = rig.patched(skipping, "off")  # the newest patch holds
    assert torch.equal(sample(off), bare) and reports.runs[-1].mode == "off"
    assert torch.equal(sample(model), bare)  # and the input was not touched


def test_two_models_in_one_graph():
    (first, seen_first), (second, seen_second) = (rig.patched(rig.model(p), MODE) for p in ("flow", "eps"))
    pair = sample(first), sample(second, steps=8)
    alone = sample(rig.patched(rig.model("eps"), MODE)[0], steps=8)
    assert torch.equal(pair[0], fresh()) and torch.equal(pair[1], alone)
    assert [r.steps for r in seen_first.runs] == [10] and [r.steps for r in seen_second.runs] == [8]


def test_one_model_for_two_samplers():
    model, reports = rig.patched(rig.model(), MODE)
    first, second = rig.guided(model), rig.guided(model, cfg=4.0)
    schedule = rig.sigmas(model)
    rig.advanced(first, rig.ksampler("heun"), schedule)
    again = rig.advanced(second, rig.ksampler(), schedule)
    other = rig.patched(rig.model(), MODE)[0]
    assert torch.equal(again, rig.advanced(rig.guided(other, cfg=4.0), rig.ksampler(), schedule))
    assert [report.evaluations for report in reports.runs] == [19, 10]


def pictures():
    """The living tensors of a latent's size, by identity."""
    gc.collect()
    shape = rig.latent()["samples"].shape[1:]
    return {id(t): t for t in gc.get_objects() if isinstance(t, torch.Tensor) and t.shape[1:] == shape}


@pytest.mark.parametrize("mode", ["balanced", "adaptive", "h4/s4", "off"])
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m_sde", "euler_cfg_pp"])
def test_no_tensor_of_a_run_is_alive_after_it(mode, sampler):
    model, reports = rig.patched(rig.model(), mode)
    skipping = rig.wrapped(rig.ksampler(sampler), mode)
    guider = rig.guided(rig.model())
    before = set(pictures())
    sample(model, sampler=sampler)
    rig.advanced(guider, skipping, rig.sigmas(model))
    assert not set(pictures()) - before
    assert reports.runs and model and guider and skipping  # all that a graph keeps is still there


def test_nor_after_a_cancel():
    model, _ = rig.patched(rig.model(), MODE)
    guider, before = rig.guided(model), set(pictures())

    def cancel(step, *_):
        if step == 6:
            comfy.model_management.interrupt_current_processing()

    cancelled = False
    try:
        guider.sample(
            rig.latent()["samples"] + 0.5,
            rig.latent()["samples"],
            rig.ksampler(),
            rig.sigmas(model),
            callback=cancel,
            disable_pbar=True,
            seed=1,
        )
    except comfy.model_management.InterruptProcessingException:
        cancelled = True
    assert cancelled and not set(pictures()) - before
