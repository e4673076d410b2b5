"""The original pack's nodes at work: samplers, the paper's skip sequences, noise, parts of a schedule, refusals."""

import functools
import json
import logging

import comfy.samplers
import pytest
import rig
import torch
from comfyui_fsampler.nodes.original_inputs import SAMPLERS, SCHEDULERS, SKIP_MODES
from comfyui_fsampler.nodes.original_sampler import NOISELESS, Skipping, step_noise

import nodes as core

TWICE = ("res_2s", "dpmpp_2s", "heun")
NOISY = [name for name in SAMPLERS if name not in NOISELESS]
ADVANCED = dict(
    protect_first_steps=2,
    protect_last_steps=2,
    adaptive_mode="none",
    smoothing_beta=0.999,
    skip_mode="none",
)


def sample(node, model, **changed):
    given = dict(latent_image=rig.latent(), seed=1, steps=8, cfg=2.0, scheduler="simple", sampler="euler")
    inputs = given | rig.conditionings() | (ADVANCED if node == "FSamplerAdvanced" else {"skip_mode": "none"}) | changed
    return rig.OURS[node]().sample(model=model, **inputs)


def advanced(model=None, **changed):
    """Samples and metadata of FSamplerAdvanced."""
    latent, metadata = sample("FSamplerAdvanced", model or rig.model(), **changed)
    return latent["samples"], json.loads(metadata)


def simple(model=None, **changed):
    (latent,) = sample("FSampler", model or rig.model(), **changed)
    return latent["samples"]


def skipped(report):
    return [i for i, letter in enumerate(report["sequence"]) if letter == "S"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_with_every_scheduler(sampler):
    """The predictions take turns."""
    given = dict(latent_image=rig.latent(size=16), sampler=sampler, steps=6, skip_mode="h2/s2", protect_last_steps=1)
    for i, scheduler in enumerate(SCHEDULERS, SAMPLERS.index(sampler)):
        samples, report = advanced(rig.model(("flow", "eps", "v")[i % 3]), scheduler=scheduler, **given)
        assert torch.isfinite(samples).all(), scheduler
        assert skipped(report) == [4] and not report["notes"], scheduler


@functools.cache
def reference(prediction, scheduler):
    return rig.core(rig.model(prediction), steps=60, scheduler=scheduler)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_is_close_to_the_model_s_answer(sampler, prediction):
    """Against core's euler in many steps; what is off by a scale or a wrong time is nowhere near."""
    given = dict(sampler=sampler, steps=20, scheduler="karras" if prediction != "flow" else "simple")
    exact = reference(prediction, given["scheduler"])
    full, report = advanced(rig.model(prediction), **given)
    assert rig.psnr(exact, full) > 25
    assert report["calls"] == report["evaluations"] == (39 if sampler in TWICE else 20)


@pytest.mark.parametrize("sampler", ["res_multistep", "heun", "gradient_estimation"])
def test_core_s_samplers_are_core_s(sampler, prediction):
    model = rig.model(prediction)
    samples, _ = advanced(model, sampler=sampler, steps=10)
    assert torch.equal(samples, rig.core(model, sampler_name=sampler))


@pytest.mark.parametrize("sampler", ["euler", "ddim"])
def test_euler_is_core_s_euler(sampler, prediction):
    model = rig.model(prediction)
    assert rig.psnr(rig.core(model), advanced(model, sampler=sampler, steps=10)[0]) > 80


def test_official_comfy_chooses_res_multistep():
    ours, _ = advanced(sampler="res_multistep", official_comfy=False)
    assert torch.equal(ours, advanced(sampler="res_2m")[0])
    assert not torch.equal(ours, advanced(sampler="res_multistep", official_comfy=True)[0])


def test_official_comfy_chooses_bong_tangent():
    given = dict(scheduler="bong_tangent", steps=20)
    shown = [advanced(**given, official_comfy=on)[1]["records"][15]["sigma"] for on in (True, False)]
    assert shown[0] < 0.5 < shown[1]


@pytest.mark.parametrize("steps, last", [(20, 1), (20, 2), (25, 1), (25, 2)])
@pytest.mark.parametrize("mode", [mode for mode in SKIP_MODES if "/" in mode])
def test_cadence(mode, steps, last):
    """K real calls after the warm-up of max(2, N) steps, then one skip, never in the last steps."""
    order, calls = int(mode[1]), int(mode[4])
    _, report = advanced(skip_mode=mode, steps=steps, protect_last_steps=last, latent_image=rig.latent(size=16))
    expected = [*range(max(2, order) + calls, steps - last, calls + 1)]
    assert skipped(report) == expected and report["calls"] == steps - len(expected)


def test_the_paper_s_counts_at_20_steps():
    counts = {
        mode: len(skipped(advanced(skip_mode=mode, steps=20, protect_last_steps=1)[1])) for mode in SKIP_MODES[1:-1]
    }
    assert [*counts.values()] == [5, 4, 3, 2, 4, 3, 2, 3, 2]


def test_adaptive_obeys_anchors_and_cap(prediction):
    given = dict(skip_mode="adaptive", steps=25, anchor_interval=4, max_consecutive_skips=2, scheduler="simple")
    report = advanced(rig.model(prediction), **given)[1]
    assert skipped(report) and "SSS" not in report["sequence"]
    assert all(report["sequence"][i] == "R" for i in (0, 1, *range(2, 25, 4), 23, 24))
    assert "SSS" in advanced(**given | dict(max_consecutive_skips=3, anchor_interval=0))[1]["sequence"]


def test_none_is_the_bare_sampler(prediction):
    model = rig.model(prediction)
    _, report = advanced(model)
    assert report["mode"] == "off" and report["sequence"] == "R" * 8
    result, calls = rig.counted(model, lambda: simple(model))
    assert calls == 8 and rig.psnr(result, rig.core(model, steps=8)) > 80


@pytest.mark.parametrize(
    "text, expected",
    [
        ("h2, 3, 4, 7", [3, 4, 7]),
        ("3 6", [3, 6]),
        ("6, 3 h3", [3, 6]),
        ("0, 1, 2, 9", [2]),
        ("H4,5,-6,+7", [5, 7]),
    ],
)
def test_indices_override_everything(text, expected):
    _, report = advanced(skip_indices=text, skip_mode="h2/s2", protect_last_steps=5, adaptive_mode="learning")
    assert skipped(report) == expected


@pytest.mark.parametrize("text", ["", "  ", "h3", "0, 1", "8, 30"])
def test_indices_that_name_no_step_leave_the_mode(text):
    assert skipped(advanced(skip_indices=text, skip_mode="h2/s2", protect_last_steps=1)[1]) == [4]


def test_indices_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="skip_indices has 'x'; expected step numbers"):
        advanced(skip_indices="h2, 3, x")


def test_widgets_become_options():
    config = Skipping(
        "h3/s4",
        adaptive_mode="learn+grad_est",
        smoothing_beta=0.9,
        protect_first_steps=5,
        protect_last_steps=3,
        sigma_aware=True,
        extrapolate_denoised=True,
    ).config(20)
    assert (config.mode, config.order, config.options.stabilizer, config.options.beta) == (
        "h3/s4",
        3,
        "learning+gradient",
        0.9,
    )
    assert (config.nodes, config.space, config.correct) == ("sigma", "denoised", False)
    assert (config.policy.protect_first, config.policy.protect_last) == (5, 3)
    paper = Skipping("adaptive", max_consecutive_skips=3, anchor_interval=6).config(20)
    assert (paper.nodes, paper.space, paper.options.stabilizer) == ("index", "residual", "none")
    assert (paper.policy.max_consecutive_skips, paper.policy.inner.anchor_interval) == (3, 6)
    listed = Skipping("h2/s2", "h4, 5, 6", adaptive_mode="learning").config(20)
    assert (listed.order, listed.options.stabilizer, listed.policy.indices) == (4, "none", (5, 6))


@pytest.mark.parametrize(
    "change",
    [
        dict(sigma_aware=True),
        dict(extrapolate_denoised=True),
        dict(adaptive_mode="grad_est"),
        dict(adaptive_mode="learning", smoothing_beta=0.0),
    ],
)
def test_options_change_the_result(change):
    given = dict(skip_mode="h2/s2", steps=20, scheduler="karras")
    model = rig.model("eps")
    assert not torch.equal(advanced(model, **given)[0], advanced(model, **given | change)[0])


def test_the_simple_node_s_fixed_values():
    given = dict(skip_mode="h2/s2", steps=17, scheduler="beta")
    fixed = dict(
        adaptive_mode="learning",
        smoothing_beta=0.9999,
        protect_first_steps=2,
        protect_last_steps=3,
        sigma_aware=True,
        extrapolate_denoised=True,
        noise_type="gaussian",
    )
    assert torch.equal(simple(**given), advanced(**given, **fixed)[0])
    noisy = given | {"add_noise": 0.5}
    assert torch.equal(simple(**noisy), advanced(**noisy, **fixed)[0])


@pytest.mark.parametrize("sampler", NOISY)
def test_noise_is_reproducible_and_follows_the_seed(sampler, prediction):
    def run(**changed):
        given = dict(sampler=sampler, add_noise=0.5, scheduler="karras")
        return advanced(rig.model(prediction), **given | changed)[0]

    first = run()
    assert torch.isfinite(first).all() and torch.equal(first, run())
    assert rig.psnr(first, run(seed=2)) < 30
    assert not torch.equal(first, run(add_noise=0.0)) and not torch.equal(first, run(add_noise=1.0))
    assert first.std() == pytest.approx(float(run(add_noise=0.0).std()), rel=0.5)


def test_noise_types_differ():
    assert not torch.equal(advanced(add_noise=0.5)[0], advanced(add_noise=0.5, noise_type="gaussian")[0])


def test_whitened_noise_is_white_in_every_sample_and_never_the_initial_noise():
    x = torch.zeros(3, 4, 16, 16)
    draw = step_noise(x, 1, whitened=True)
    for noise in (draw(1, 0), draw(1, 0)):
        assert torch.allclose(noise.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-6)
        assert torch.allclose(noise.std(dim=(1, 2, 3)), torch.ones(3), atol=1e-5)
    initial = comfy.sample.prepare_noise(x, 1)
    assert float((step_noise(x, 1, whitened=False)(1, 0) * initial).mean()) == pytest.approx(0, abs=0.1)
    step_noise(x, 2**64 - 1, whitened=False)(1, 0)


@pytest.mark.parametrize("sampler", NOISELESS)
def test_noise_is_refused_where_there_is_no_such_form(sampler):
    for run in (advanced, simple):
        with pytest.raises(ValueError, match=f"add_noise is 0.5, but {sampler} has no form that adds noise"):
            run(sampler=sampler, add_noise=0.5)


def test_batch_index_and_mask_are_core_s(prediction):
    model = rig.model(prediction)
    latent = rig.latent(value=0.8) | {"batch_index": [2], "noise_mask": torch.ones(1, rig.SIZE, rig.SIZE).tril()}
    core = rig.core(model, latent_image=latent, sampler_name="heun", steps=8)
    assert torch.equal(advanced(model, latent_image=latent, sampler="heun")[0], core)
    (result,) = sample("FSampler", model, latent_image=latent)
    assert result["batch_index"] == [2] and result["noise_mask"] is latent["noise_mask"]


def test_denoise_is_core_s(prediction):
    model = rig.model(prediction)
    given = dict(latent_image=rig.latent(value=0.8), denoise=0.5, steps=8)
    assert torch.equal(advanced(model, sampler="heun", **given)[0], rig.core(model, sampler_name="heun", **given))


@pytest.mark.parametrize(
    "changed", [dict(denoise=0.0), dict(end_at_step=0), dict(start_at_step=8), dict(start_at_step=5, end_at_step=5)]
)
def test_nothing_to_do_returns_the_latent(changed):
    latent = rig.latent(value=0.8)
    assert sample("FSamplerAdvanced", rig.model(), latent_image=latent, **changed) == (latent, "")


def test_denoise_0_of_the_simple_node():
    latent = rig.latent(value=0.8)
    assert sample("FSampler", rig.model(), latent_image=latent, denoise=0.0) == (latent,)


@pytest.mark.parametrize("start, end", [(2, -1), (-1, 5), (2, 5), (0, 7), (0, 8), (3, 20)])
def test_start_and_end_are_core_s(start, end, prediction):
    """KSamplerAdvanced with noise added and none left over."""
    model = rig.model(prediction)
    given = dict(
        add_noise="enable",
        noise_seed=1,
        steps=8,
        cfg=2.0,
        sampler_name="heun",
        scheduler="simple",
        latent_image=rig.latent(value=0.8),
        start_at_step=max(start, 0),
        end_at_step=end if end >= 0 else 10000,
        return_with_leftover_noise="disable",
    )
    expected = core.KSamplerAdvanced().sample(model=model, **given, **rig.conditionings())[0]["samples"]
    given = dict(latent_image=rig.latent(value=0.8), sampler="heun", start_at_step=start, end_at_step=end)
    ours, report = advanced(model, **given)
    assert torch.equal(ours, expected)
    assert report["steps"] == (min(end, 8) if end >= 0 else 8) - max(start, 0)


def test_indices_count_in_what_start_leaves():
    assert skipped(advanced(skip_indices="3", start_at_step=2)[1]) == [3]


def select(model, **changed):
    given = {
        k: o["default"] for k, (_, o) in rig.OURS["FSamplerSelect"].INPUT_TYPES()["required"].items() if k != "model"
    }
    return rig.OURS["FSamplerSelect"]().get_sampler(model=model, **given | dict(steps=8) | changed)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_select_is_the_advanced_node_in_two(sampler, prediction):
    model = rig.model(prediction)
    given = dict(
        sampler=sampler, skip_mode="h2/s2", scheduler="bong_tangent", add_noise=0 if sampler in NOISELESS else 0.3
    )
    samples = rig.advanced(rig.guided(model), *select(model, **given))
    assert torch.equal(samples, advanced(model, **given)[0])


def test_select_leaves_out_listed_steps_beyond_a_shorter_schedule():
    model = rig.model()
    sampler, sigmas = select(model, skip_indices="h2, 2, 7")
    _, calls = rig.counted(model, lambda: rig.advanced(rig.guided(model), sampler, sigmas[-5:]))
    assert calls == 3


def test_select_with_denoise():
    model = rig.model()
    assert torch.equal(select(model, denoise=0.5)[1], rig.sigmas(model, 16)[-9:])
    assert len(select(model, denoise=0.0)[1]) == 0


def test_verbose_logs_the_table_at_debug(caplog):
    caplog.set_level(logging.DEBUG, "comfyui_fsampler")
    advanced(verbose=True)
    assert [r.levelname for r in caplog.records if "step" in r.getMessage() and "sigma" in r.getMessage()] == ["DEBUG"]
    caplog.clear()
    advanced(verbose=False)
    assert [r.levelname for r in caplog.records if r.name.startswith("comfyui_fsampler")] == ["INFO"]


def test_a_model_that_skips_keeps_its_own_report():
    model, reports = rig.patched(rig.model(), "h2/s3")
    latent, metadata = sample("FSamplerAdvanced", model, skip_mode="h2/s2")
    assert [note["code"] for note in json.loads(metadata)["notes"]] == ["another-fsampler"]
    assert reports.runs[-1].mode == "h2/s3" and torch.isfinite(latent["samples"]).all()
