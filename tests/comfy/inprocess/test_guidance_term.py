"""What the engine is told of guidance, by which guiders, and that being told changes nothing else."""

import comfy.samplers
import pytest
import rig
import torch
from comfyui_fsampler.nodes import guided, hook


def told(guider, options=None):
    """What a guider tells of its guidance while it samples, beside what its guidance did."""
    found = []

    def look(model, x, sigmas, extra_args=None, callback=None, disable=None):
        inner, sigma = model.inner_model, sigmas[:1]
        given = {**extra_args["model_options"], **(options or {})}
        one = guided.Guided(inner)
        assert torch.equal(one(x, sigma, model_options=given, seed=0), inner(x, sigma, model_options=given, seed=0))
        inner.cfg = 0.0
        unconditional = inner(x, sigma, model_options=given, seed=0)
        inner.cfg = 1.0
        found.extend((one.guidance_difference, inner(x, sigma, model_options=given, seed=0) - unconditional))
        return x

    rig.advanced(guider, comfy.samplers.KSAMPLER(look), rig.sigmas(guider.model_patcher))
    return found


def test_cores_guider_tells_what_guidance_did(prediction):
    difference, expected = told(rig.guided(rig.model(prediction), cfg=5.0))
    assert difference.abs().max() > 0.01
    torch.testing.assert_close(difference, expected, atol=1e-5, rtol=1e-4)


class Dual(comfy.samplers.CFGGuider):
    def predict_noise(self, x, timestep, model_options={}, seed=None):  # noqa: B006  core's signature
        return super().predict_noise(x, timestep, model_options, seed) * 1.0


def rescaled(arguments):
    return arguments["denoised"] * 0.9


@pytest.mark.parametrize(
    "change",
    [
        lambda guider: guider.set_cfg(1.0),
        lambda guider: guider.original_conds.pop("negative"),
        lambda guider: setattr(guider, "__class__", Dual),
    ],
    ids=["CFG 1", "no negative", "another guider"],
)
def test_other_guiders_tell_nothing(change):
    guider = rig.guided(rig.model(), cfg=5.0)
    change(guider)
    assert told(guider)[0] is None


MIXED = {
    "sampler_post_cfg_function": [rescaled],
    "sampler_pre_cfg_function": [lambda arguments: arguments["conds_out"]],
    "sampler_cfg_function": lambda arguments: arguments["cond"],
    "sampler_calc_cond_batch_function": lambda arguments: [arguments["input"] * share for share in (0.5, 0.4)],
}


@pytest.mark.parametrize("name", MIXED)
def test_nothing_is_told_where_another_function_has_a_hand_in_the_mix(name):
    assert told(rig.guided(rig.model(), cfg=5.0), {name: MIXED[name]})[0] is None


def silent(guider):
    return lambda x, timestep, model_options=None, **extra: guider(x, timestep, model_options=model_options, **extra)


@pytest.mark.parametrize("node", ["KSampler", "SamplerCustomAdvanced"])
def test_the_term_is_used_in_guided_runs_alone(node, prediction, monkeypatch):
    def run(cfg):
        if node == "KSampler":
            return rig.ours(rig.model(prediction), "calls:8", steps=20, cfg=cfg)[0]
        model, _ = rig.patched(rig.model(prediction), "calls:8")
        return rig.advanced(rig.guided(model, cfg=cfg), rig.ksampler("euler"), rig.sigmas(model, 20))

    guided_with, plain_with = run(5.0), run(1.0)
    monkeypatch.setattr(hook, "Guided", silent)
    assert torch.equal(run(1.0), plain_with) and not torch.equal(run(5.0), guided_with)


def test_a_mode_that_has_no_use_for_it_is_told_nothing(monkeypatch):
    monkeypatch.setattr(hook, "Guided", None)
    assert "S" in rig.ours(rig.model(), "h2/s2", cfg=5.0)[1].sequence


def test_a_run_in_a_mode_that_skips_nothing_is_cores(prediction):
    ours, report = rig.ours(rig.model(prediction), "calls:10", cfg=5.0)
    assert report.calls == 10 and torch.equal(ours, rig.core(rig.model(prediction), cfg=5.0))
