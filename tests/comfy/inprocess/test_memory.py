"""Guidance that remembers earlier calls runs in full, with a note that names it; what only looks like it skips."""

import collections
import types

import comfy.samplers
import pytest
import rig
import torch
from comfyui_fsampler.nodes.memory import Memory

STEPS, MODE = 12, "calls:8"
_average = None  # of ``of_a_module``


def of_a_closure():
    average = 0

    def average_guidance(args):
        nonlocal average
        average = args["denoised"] + 0.5 * average
        return args["denoised"] + 0.1 * average

    return average_guidance


def of_a_module():
    def average_guidance(args):
        global _average  # noqa: PLW0603  that is what is tested
        _average = args["denoised"] if _average is None else args["denoised"] + 0.5 * _average
        return args["denoised"] + 0.1 * _average

    return average_guidance


def of_an_object():
    class Average:
        value = 0

        def update(self, denoised):
            self.value = denoised + 0.5 * self.value
            return self.value

    average = Average()
    return lambda args: args["denoised"] + 0.1 * average.update(args["denoised"])


def of_a_callable_object():
    class Guidance:
        def __init__(self):
            self.state = {"average": None}

        def __call__(self, args):
            if self.state["average"] is None:
                self.state["average"] = torch.zeros_like(args["denoised"])
            self.state["average"] = args["denoised"] + 0.5 * self.state["average"]
            return args["denoised"] + 0.1 * self.state["average"]

    return Guidance()


def of_a_dict():
    state = {}

    def average_guidance(args):
        before = state.get("average", 0)
        state["average"] = args["denoised"] + 0.5 * before
        return args["denoised"] + 0.1 * state["average"]

    return average_guidance


def of_a_namespace():
    state = types.SimpleNamespace(average=0)

    def average_guidance(args):
        state.average = args["denoised"] + 0.5 * state.average
        return args["denoised"] + 0.1 * state.average

    return average_guidance


def counting():
    calls = 0

    def alternate(args):
        nonlocal calls
        calls += 1
        return args["denoised"] * (1.02 if calls % 2 else 0.98)

    return alternate


def counting_in_a_dict():
    state = {"calls": 0}

    def alternate(args):
        state["calls"] += 1
        return args["denoised"] * (1.02 if state["calls"] % 2 else 0.98)

    return alternate


def handing_on():
    """As self-attention guidance does: one function keeps what another takes up in the same call."""
    kept, named, box = None, {"kept": None}, [None]

    def keep(args):
        nonlocal kept
        kept = named["kept"] = box[0] = args["uncond_denoised"]
        return args["denoised"]

    def take(args):
        return args["denoised"] + 0.01 * (kept + named["kept"] + box[0])

    return lambda args: take({**args, "denoised": keep(args)})


def noticing_a_new_run():
    """As APG does: whether sigma has risen; kept for the whole batch."""
    last = None

    def guidance(args):
        nonlocal last
        if last is not None and args["sigma"].max() > last.max():
            raise AssertionError("sigma rises")
        last = args["sigma"]
        return args["denoised"]

    return guidance


def working_out_once():
    """A picture that is encoded for the size of the latent when it is first needed, and looked at in every call."""
    picture = None

    def guidance(args):
        nonlocal picture
        if picture is None or picture.shape != args["denoised"].shape:
            picture = torch.ones_like(args["denoised"])
        return args["denoised"] * 0.99 + 0.01 * picture

    return guidance


def keeping_books():
    class Books:
        calls = 0

        def __call__(self, args):
            self.calls += 1
            return args["denoised"]

    return Books()


def run(patch, **conds):
    """Full samples, those of a skipping run, and its report."""

    def model():
        model = rig.model()
        return patch(model) or model

    schedule = rig.sigmas(rig.model(), STEPS)
    latent = rig.latent(images=2)
    full = rig.advanced(rig.guided(model()), rig.ksampler(), schedule, latent_image=latent)
    skipping, reports = rig.patched(model(), MODE)
    fast = rig.advanced(rig.guided(skipping), rig.ksampler(), schedule, latent_image=latent)
    return full, fast, reports.runs[-1]


def post_cfg(function):
    return lambda model: model.set_model_sampler_post_cfg_function(function(), disable_cfg1_optimization=True)


def in_full(full, fast, report, name):
    assert torch.equal(full, fast) and report.calls == STEPS
    (note,) = report.notes
    assert note.code == "guidance-memory" and name in note.text


MEMORIES = [
    (of_a_closure, "of_a_closure.<locals>.average_guidance"),
    (of_a_module, "of_a_module"),
    (of_an_object, "Average.update"),
    (of_a_callable_object, "Guidance.__call__"),
    (of_a_dict, "of_a_dict"),
    (of_a_namespace, "of_a_namespace"),
    (counting, "alternate"),
    (counting_in_a_dict, "alternate"),
]


@pytest.mark.parametrize(("memory", "name"), MEMORIES, ids=lambda value: getattr(value, "__name__", None))
def test_a_memory(memory, name, monkeypatch):
    monkeypatch.setitem(globals(), "_average", None)

    def patch(model):
        globals()["_average"] = None
        post_cfg(memory)(model)

    in_full(*run(patch), name)


@pytest.mark.parametrize("harmless", [handing_on, noticing_a_new_run, working_out_once, keeping_books])
def test_no_memory(harmless):
    full, fast, report = run(post_cfg(harmless))
    assert report.sequence.count("R") == 8 and report.notes == [] and rig.psnr(full, fast) > 25


@pytest.mark.parametrize("momentum", [0.0, 0.5, -0.75])
def test_cores_apg(momentum):
    if not rig.has_node("nodes_apg", "APG"):
        pytest.skip("not in this version")
    given = dict(eta=1.0, norm_threshold=5.0, momentum=momentum)
    full, fast, report = run(lambda model: rig.node("nodes_apg", "APG", model=model, **given)[0])
    if momentum:
        in_full(full, fast, report, "comfy_extras.nodes_apg.APG.execute.<locals>.pre_cfg_function")
    else:
        assert report.sequence.count("R") == 8 and report.notes == []


def test_a_model_wrapper_that_remembers():
    def patch(model):
        last = None

        def wrapper(apply, arguments):
            nonlocal last
            answer = apply(arguments["input"], arguments["timestep"], **arguments["c"])
            mixed = answer if last is None else 0.9 * answer + 0.1 * last
            last = answer
            return mixed

        model.set_model_unet_function_wrapper(wrapper)

    in_full(*run(patch), "wrapper")


def test_a_guider_that_remembers():
    class Remembering(comfy.samplers.CFGGuider):
        average = 0

        def predict_noise(self, *args, **given):
            self.average = super().predict_noise(*args, **given) + 0.1 * self.average
            return self.average

    def sample(model):
        guider = Remembering(model)
        guider.set_conds(**rig.conditionings())
        return rig.advanced(guider, rig.ksampler(), rig.sigmas(model, STEPS))

    skipping, reports = rig.patched(rig.model(), MODE)
    in_full(sample(rig.model()), sample(skipping), reports.runs[-1], "Remembering.predict_noise")


def test_a_wrapping_node_that_counts():
    def counted(model, x, sigmas, inner=None, **given):
        calls = 0

        def told(x, sigma, **extra):
            nonlocal calls
            calls += 1
            return model(x, sigma, **extra) * (1.02 if calls % 2 else 0.98)

        told.inner_model, told.sigmas = model.inner_model, model.sigmas
        return inner.sampler_function(told, x, sigmas, **given)

    def sample(inner):
        sampler = comfy.samplers.KSAMPLER(counted, {"inner": inner})
        return rig.advanced(rig.guided(rig.model()), sampler, rig.sigmas(rig.model(), STEPS))

    skipping = rig.wrapped(rig.ksampler(), "fast")
    full, fast = sample(rig.ksampler()), sample(skipping)
    in_full(full, fast, vars(skipping)["_reports"].runs[-1], "told")


GUIDANCE = [
    ("nodes_cfg", "CFGZeroStar", {}),
    ("nodes_cfg", "CFGNorm", {"strength": 1.0}),
    ("nodes_eps", "EpsilonScaling", {"scaling_factor": 1.005}),
    ("nodes_fresca", "FreSca", {"scale_low": 1.0, "scale_high": 1.25, "freq_cutoff": 20}),
    ("nodes_mahiro", "Mahiro", {}),
    ("nodes_model_advanced", "RescaleCFG", {"multiplier": 0.7}),
    ("nodes_tcfg", "TCFG", {}),
    ("nodes_video_model", "VideoLinearCFGGuidance", {"min_cfg": 1.0}),
    ("nodes_video_model", "VideoTriangleCFGGuidance", {"min_cfg": 1.0}),
]


@pytest.mark.parametrize(("module", "name", "given"), GUIDANCE, ids=[name for _, name, _ in GUIDANCE])
def test_cores_guidance_without_a_memory(module, name, given):
    if not rig.has_node(module, name):
        pytest.skip("not in this version")
    _, _, report = run(lambda model: rig.node(module, name, model=model, **given)[0])
    assert report.sequence.count("R") == 8 and report.notes == []


def attention(count=64, channels=32):
    return torch.randn(2, count, channels)


def hypertile(model):
    inside, outside = (model.model_options["transformer_options"]["patches"][n][-1] for n in PATCHES)
    shape = {"original_shape": (2, 4, 64, 64)}
    return lambda: outside(inside(*[attention(64 * 64)] * 3, shape)[0], shape)


def tome(model):
    inside, outside = (model.model_options["transformer_options"]["patches"][n][-1] for n in PATCHES)
    shape = {"original_shape": (2, 4, 8, 8)}
    return lambda: outside(inside(*[attention()] * 3, shape)[0], shape)


def self_attention(model):
    record = model.model_options["transformer_options"]["patches_replace"]["attn1"][("middle", 0, 0)]
    extra = collections.defaultdict(lambda: None, n_heads=2, cond_or_uncond=[1, 0])
    return lambda: record(*[attention()] * 3, extra)


PATCHES = ("attn1_patch", "attn1_output_patch")
HANDED_ON = [
    (hypertile, "nodes_hypertile", "HyperTile", dict(tile_size=256, swap_size=2, max_depth=0, scale_depth=False)),
    (tome, "nodes_tomesd", "TomePatchModel", dict(ratio=0.3)),
    (self_attention, "nodes_sag", "SelfAttentionGuidance", dict(scale=0.5, blur_sigma=2.0)),
]


@pytest.mark.parametrize(("call", "module", "name", "given"), HANDED_ON, ids=[name for _, _, name, _ in HANDED_ON])
def test_cores_attention_patches_hand_on_within_a_call(call, module, name, given):
    """They set variables of a closure in every call, but for that call. The demo network has no such attention."""
    (model,) = rig.node(module, name, model=rig.model(), **given)
    memory, once = Memory(None, model.model_options, None), call(model)
    for _ in range(3):
        once()
        assert memory.found() is None
