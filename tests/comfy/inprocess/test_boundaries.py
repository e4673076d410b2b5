"""The step after a boundary in the schedule of a conditioning, a ControlNet or a LoRA is REAL, and so is the next.

Where the boundaries are is read off what the network is told during a full run, not computed.
"""

import comfy.hooks
import pack
import pytest
import rig
import torch

import nodes

STEPS = 12


def check(model, positive, look):
    """Ours skips all it may; REAL must be exactly the changes that a full run shows."""
    schedule = rig.sigmas(model, STEPS)
    changes = rig.changes(model, look, lambda watched: rig.core(watched, steps=STEPS, positive=positive), schedule)
    _, report = rig.ours(model, custom_mode=rig.all_skipped(STEPS), steps=STEPS, positive=positive)
    assert report.sequence == rig.expected(changes, STEPS)
    reasons = {record.step for record in report.records if record.reason == "the model changes"}
    assert reasons == changes
    return changes


def within(conditioning, start, end):
    return nodes.ConditioningSetTimestepRange().set_range(conditioning, start, end)[0]


@pytest.mark.parametrize("at", [0.3, 0.45, 0.8])
def test_conditionings_that_take_turns(at, prediction):
    positive = within(pack.conditioning(3), 0.0, at) + within(pack.conditioning(7), at, 1.0)
    assert check(rig.model(prediction), positive, rig.labels)


@pytest.mark.parametrize("step", [4, 7])
def test_a_boundary_exactly_on_a_step(step, monkeypatch):
    """percent_to_sigma hits a sigma of the schedule: the start counts at it, the end only below it."""
    model = rig.model()
    sampling = model.get_model_object("model_sampling")
    sigma = float(rig.sigmas(model, STEPS)[step])
    real = sampling.percent_to_sigma
    monkeypatch.setattr(sampling, "percent_to_sigma", lambda percent: sigma if percent == 0.5 else real(percent))
    assert check(model, pack.conditioning(3) + within(pack.conditioning(7), 0.5, 1.0), rig.labels) == {step}
    assert check(model, pack.conditioning(3) + within(pack.conditioning(7), 0.0, 0.5), rig.labels) == {step + 1}


def control(arguments):
    """For ``changes``: what a ControlNet adds."""
    added = arguments["c"].get("control")
    return None if added is None else float(added["output"][0].mean())


def pushed(positive, *ranges):
    """The conditioning under one ControlNet for each (strength, start, end), chained."""
    negative, image = pack.conditioning(pack.UNCONDITIONAL), torch.zeros(1, 64, 64, 3)
    for given in ranges:
        node = nodes.ControlNetApplyAdvanced()
        positive, negative = node.apply_controlnet(positive, negative, pack.Push(), image, *given)
    return positive


@pytest.mark.parametrize(
    "ranges",
    [
        [(0.2, 0.0, 0.5)],
        [(0.2, 0.4, 1.0)],
        [(0.2, 0.3, 0.8)],
        [(0.2, 0.0, 0.4), (0.1, 0.7, 1.0)],
        [(0.2, 0.2, 0.6), (0.1, 0.0, 1.0), (0.05, 0.0, 0.85)],
    ],
)
def test_controlnets(ranges):
    assert check(rig.model(), pushed(pack.conditioning(3), *ranges), control)


def test_a_controlnet_for_the_whole_run_is_no_boundary():
    assert check(rig.model(), pushed(pack.conditioning(3), (0.2, 0.0, 1.0)), control) == set()


def lora(scale):
    """A LoRA hook for the network's head, rank 1."""
    generator = torch.Generator().manual_seed(5)
    return comfy.hooks.create_hook_lora(
        {
            "lora_unet_network_head.lora_up.weight": scale * torch.randn(12, 1, 1, 1, generator=generator),
            "lora_unet_network_head.lora_down.weight": torch.randn(1, 48, 3, 3, generator=generator),
            "lora_unet_network_head.alpha": torch.tensor(1.0),
        },
        1.0,
        0.0,
    )


def hooked(scale, *keyframes):
    group = lora(scale)
    if keyframes:
        frames = comfy.hooks.HookKeyframeGroup()
        for strength, start in keyframes:
            frames.add(comfy.hooks.HookKeyframe(strength=strength, start_percent=start))
        group.set_keyframes_on_hooks(frames)
    return comfy.hooks.set_hooks_for_conditioning(pack.conditioning(3), group)


def weight(model):
    """For ``changes``: the weight that the LoRA changes, during the calls that it is meant for."""
    head = rig.network(model).network.head.weight
    return lambda arguments: round(float(head.abs().sum()), 3)


@pytest.mark.parametrize("frames", [[(1.0, 0.0), (0.3, 0.5)], [(1.0, 0.0), (0.5, 0.3), (0.0, 0.7)]])
def test_keyframes_of_a_lora(frames):
    model = rig.model()
    assert len(check(model, hooked(0.05, *frames), weight(model))) == len(frames) - 1


def test_a_lora_hook_without_keyframes():
    """off is core with the LoRA, the LoRA matters, and it is no boundary."""
    model, positive = rig.model(), hooked(0.05)
    full = rig.core(model, positive=positive)
    assert torch.equal(rig.ours(model, "off", positive=positive)[0], full)
    assert rig.psnr(full, rig.core(model)) < 40
    fast, report = rig.ours(model, custom_mode="calls:8", positive=positive)
    assert report.sequence.count("S") == 2 and rig.psnr(full, fast) > 20
    assert check(model, positive, weight(model)) == set()
