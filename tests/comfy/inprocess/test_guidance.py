"""Guidance that changes within a run: the step after the change is REAL, and so is the next."""

import comfy.samplers
import pytest
import rig

STEPS = 12


def skipped(model, guider, schedule, callback=None):
    """The report of a run that skips all it may; ``guider(model)`` makes the guider."""
    model, reports = rig.patched(model, rig.all_skipped(STEPS))
    made = guider(model)
    noise = rig.latent()["samples"] + 0.7
    made.sample(
        noise,
        rig.latent()["samples"],
        rig.ksampler(),
        schedule,
        disable_pbar=True,
        seed=1,
        callback=lambda step, *_: callback(made, step) if callback else None,
    )
    return reports.runs[-1]


def dual(model):
    given = dict(cond1=rig.conditionings()["positive"], cond2=rig.conditionings()["positive"])
    given |= dict(negative=rig.conditionings()["negative"], cfg_conds=2.0, cfg_cond2_negative=3.0)
    return rig.custom("DualCFGGuider")(model=model, **given, **rig.styled("DualCFGGuider"))[0]


@pytest.mark.parametrize(("guider", "name"), [(rig.guided, "cfg"), (dual, "cfg1"), (dual, "cfg2")])
def test_a_scale_set_while_it_runs(guider, name):
    """By another node's callback, for example: after step 5, so step 6 is the first with it."""

    def change(made, step):
        if step == 5:
            setattr(made, name, 5.0)

    report = skipped(rig.model(), guider, rig.sigmas(rig.model(), STEPS), change)
    assert report.sequence == rig.expected({6}, STEPS)
    assert report.records[6].reason == "the model changes"


def test_a_scale_that_stays():
    report = skipped(rig.model(), rig.guided, rig.sigmas(rig.model(), STEPS), lambda made, step: made.set_cfg(2.0))
    assert report.sequence == rig.expected(set(), STEPS)


def check(report, changes):
    """REAL from every change on; an end exactly on a step may be taken a step early too (the patch alone knows)."""
    forced = {record.step for record in report.records if record.reason == "the model changes"}
    assert changes and changes <= forced <= changes | {step - 1 for step in changes}
    assert report.sequence == rig.expected(forced, STEPS)


@pytest.mark.skipif(not rig.has_node("nodes_custom_sampler", "CFGOverride"), reason="no CFGOverride in this version")
@pytest.mark.parametrize("ends", [(0.0, 0.5), (0.4, 1.0), (0.3, 0.8)])
def test_cfg_override(ends, prediction):
    """Core's node; the scale it sets is read where it is used."""
    (model,) = rig.custom("CFGOverride")(
        model=rig.model(prediction), cfg=6.0, start_percent=ends[0], end_percent=ends[1]
    )
    schedule, scales = rig.sigmas(model, STEPS), {}

    def read(arguments):
        scales[float(arguments["sigma"][0])] = arguments["cond_scale"]
        return arguments["denoised"]

    watched = model.clone()
    watched.set_model_sampler_post_cfg_function(read)
    rig.core(watched, steps=STEPS)
    scales = list(scales.values())
    changes = {i for i in range(1, STEPS) if scales[i] != scales[i - 1]}
    check(skipped(model, rig.guided, schedule), changes)


@pytest.mark.skipif(not rig.has_node("nodes_slg", "SkipLayerGuidanceDiT"), reason="not in this version")
@pytest.mark.parametrize("ends", [(0.0, 0.5), (0.3, 0.8)])
def test_skip_layer_guidance(ends):
    """Its third pass, in its range only, is one more call a step."""
    (model,) = rig.node(
        "nodes_slg",
        "SkipLayerGuidanceDiT",
        model=rig.model(),
        double_layers="0",
        single_layers="",
        scale=3.0,
        start_percent=ends[0],
        end_percent=ends[1],
    )
    schedule = rig.sigmas(model, STEPS)
    seen = rig.network(model).seen
    del seen[:]
    rig.core(model, steps=STEPS)
    calls = [seen.count(sigma) for sigma in dict.fromkeys(seen)]
    changes = {i for i in range(1, STEPS) if calls[i] != calls[i - 1]}
    check(skipped(model, rig.guided, schedule), changes)


def test_a_closure_of_another_pack():
    """A pre-CFG function with its range in variables named sigma_...; the ends are the steps 4 and 9."""
    schedule = rig.sigmas(rig.model(), STEPS)

    def ranged(sigma_start, sigma_end):
        def push(arguments):
            inside = sigma_end <= float(arguments["sigma"][0]) <= sigma_start
            return [out + 0.1 * inside for out in arguments["conds_out"]]

        return push

    model = rig.model()
    model.model_options = comfy.model_patcher.set_model_options_pre_cfg_function(
        model.model_options, ranged(float(schedule[4]), float(schedule[8]))
    )
    report = skipped(model, rig.guided, schedule)
    assert {4, 9} <= {record.step for record in report.records if record.reason == "the model changes"}
    assert report.sequence[4:6] == report.sequence[9:11] == "RR"
