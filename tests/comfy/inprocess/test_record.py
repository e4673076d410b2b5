"""Mode record in ComfyUI, and FSampler Record: the picture is core's, the plan comes from the recorded runs."""

from dataclasses import replace

import pytest
import rig
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS
from comfyui_fsampler.fsampler.plan_text import parse

CELL = {"steps": 14, "cfg": 5.0}


def reports(mode, **changed):
    """Samples and the ``Reports`` that KSampler (FSampler) gives on."""
    given = rig.DEFAULTS | rig.conditionings() | {"latent_image": rig.latent()} | CELL | changed
    result, found = OURS["FSamplerKSampler"]().sample(rig.model(), "balanced", mode, **given)
    return result["samples"], found


def plan(node, found, calls=7, images=4):
    mode, chart, text = node.plan(calls, images, found)["result"]
    assert chart.shape == (1, 420, 720, 3)
    return mode, text


@pytest.mark.parametrize("cell", [{}, {"cfg": 1.0}, {"sampler_name": "dpmpp_2m"}, {"sampler_name": "heun"}])
def test_record_is_core_bit_for_bit(cell):
    samples, _ = reports("record", **cell)
    assert torch.equal(samples, rig.core(rig.model(), **(CELL | cell)))


def test_a_plan_is_made_from_the_recorded_runs_and_followed():
    node = OURS["FSamplerRecord"]()
    for seed in (11, 12, 13):
        mode, text = plan(node, reports("record", seed=seed)[1])
    assert (
        text.startswith("3 images of sampler euler, size 32x32, cfg 5, model DemoModel: ") and "expected error" in text
    )
    sequence, made = parse(mode.lower())
    assert sequence.count("R") == 7 and made.setting["sampler"] == "euler" and made.setting["size"] == "32x32"
    assert any(abs(one.guidance) > 0.05 for one in made.coefficients)
    ours, run = rig.ours(rig.model(), custom_mode=mode, **CELL)
    assert run.sequence == sequence and run.notes == []
    unguided = replace(made, coefficients=tuple(one._replace(guidance=0.0) for one in made.coefficients))
    other, _ = rig.ours(rig.model(), custom_mode=str(unguided), **CELL)
    assert not torch.equal(ours, other)  # the model has said what guidance did


def test_a_run_that_was_seen_before_is_not_counted_twice_and_others_begin_anew():
    node = OURS["FSamplerRecord"]()
    _, first = reports("record", seed=1)
    assert "1 image of" in plan(node, first)[1] and "1 image of" in plan(node, first)[1]
    assert "2 images of" in plan(node, reports("record", seed=2)[1])[1]
    assert "1 image of" in plan(node, first, images=1)[1]
    assert "1 image of" in plan(node, reports("record", seed=3, scheduler="karras")[1])[1]
    assert "1 image of" in plan(node, reports("record", seed=3, sampler_name="dpmpp_2m")[1])[1]


@pytest.mark.parametrize(
    ("mode", "changed", "reason"),
    [
        ("fast", {}, "the run was in mode fast; expected record"),
        ("record", {"sampler_name": "euler_ancestral"}, "the sampler adds noise"),
        ("record", {"sampler_name": "heun"}, "a plan needs one answer a step"),
    ],
)
def test_without_a_recording_the_mode_is_calls_n_and_the_text_says_why(mode, changed, reason):
    mode, text = plan(OURS["FSamplerRecord"](), reports(mode, **changed)[1])
    assert mode == "calls:7" and reason in text


def test_before_any_run_the_node_says_what_to_connect():
    found = OURS["FSamplerModel"]().patch(rig.model(), "balanced", "record")[1]
    mode, text = plan(OURS["FSamplerRecord"](), found)
    assert mode == "calls:7" and "connect its latent" in text


def test_a_plan_for_another_schedule_runs_in_full():
    mode, _ = plan(OURS["FSamplerRecord"](), reports("record")[1])
    changed = CELL | {"scheduler": "karras"}
    ours, run = rig.ours(rig.model(), custom_mode=mode, **changed)
    assert torch.equal(ours, rig.core(rig.model(), **changed))
    assert [note.code for note in run.notes] == ["plan-refused"]
    _, run = rig.ours(rig.model(), custom_mode=mode, **(CELL | {"cfg": 3.0, "sampler_name": "dpmpp_2m"}))
    assert [str(note) for note in run.notes] == [
        "the plan was recorded with cfg 5, sampler euler; this run has cfg 3, sampler dpmpp_2m"
    ]
