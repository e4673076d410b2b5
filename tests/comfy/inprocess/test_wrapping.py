"""Nodes that wrap a SAMPLER: they call its function with a model of their own, or put a function in its place."""

import copy
import functools
import inspect
import pickle

import comfy.samplers
import pytest
import rig
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS

STEPS = 20


def told_less(model, x, sigmas, inner=None, share=0.97, **given):
    """What Detail Daemon does: the model is told less noise than there is."""

    def told(x, sigma, **extra):
        return model(x, sigma * share, **extra)

    told.inner_model, told.sigmas = model.inner_model, model.sigmas
    return inner.sampler_function(told, x, sigmas, **given, **inner.extra_options)


def told_through_a_class(model, x, sigmas, inner=None, **given):
    """The same by an object that hands on what it is asked for."""

    class Told:
        def __call__(self, x, sigma, **extra):
            return model(x, sigma * 0.97, **extra)

        def __getattr__(self, name):
            return getattr(model, name)

    return inner.sampler_function(Told(), x, sigmas, **given, **inner.extra_options)


def hidden(model, x, sigmas, inner=None, **given):
    """A plain function that does not say what is behind it."""
    return inner.sampler_function(lambda x, sigma, **extra: model(x, sigma, **extra), x, sigmas, **given)


def in_parts(model, x, sigmas, inner=None, extra_args=None, callback=None, disable=None):
    """A run a step, with the arguments by position."""
    for pair in sigmas.unfold(0, 2, 1):
        x = inner.sampler_function(model, x, pair, extra_args, None, True)
    return x


def sample(wrapper, inner, prediction="flow", model=None):
    model = rig.model(prediction) if model is None else model
    sampler = comfy.samplers.KSAMPLER(wrapper, {"inner": inner})
    return rig.advanced(rig.guided(model), sampler, rig.sigmas(model, STEPS))


def ours(mode, name="euler", **options):
    """A SAMPLER that skips and its ``Reports``."""
    return OURS["FSamplerSampler"]().wrap(rig.ksampler(name, **options), "off", mode)


@pytest.mark.parametrize("wrapper", [told_less, told_through_a_class])
@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "heun"])
def test_a_wrapped_sampler_skips(wrapper, name, prediction, caplog):
    caplog.set_level("INFO", "comfyui_fsampler")
    full = sample(wrapper, rig.ksampler(name), prediction)
    assert torch.equal(sample(wrapper, ours("off", name)[0], prediction), full)
    caplog.clear()
    skipping, reports = ours("calls:12", name)
    fast, made = rig.counted(rig.model(prediction), lambda: sample(wrapper, skipping, prediction))
    (report,) = reports.runs
    assert report.sequence.count("R") == 12 and report.calls == made and report.notes == []
    assert rig.psnr(full, fast) > 30 and rig.said(caplog) == [report.line()]


def test_skipping_sees_the_samplers_own_sigmas():
    """Not those that the model is told."""
    for share in (0.97, 0.8):
        skipping, reports = ours("calls:12")
        sample(functools.partial(told_less, share=share), skipping)
        assert [r.sigma for r in reports.runs[0].records] == rig.sigmas(rig.model(), STEPS)[:-1].tolist()


def test_the_solvers_of_the_pack():
    bare, reports = OURS["FSamplerSolver"]().build("dpmpp_2m", 0.0, 4, "off", "calls:12")
    full = sample(told_less, OURS["FSamplerSolver"]().build("dpmpp_2m", 0.0, 4, "off")[0])
    assert rig.psnr(full, sample(told_less, bare)) > 30
    assert reports.runs[-1].calls == 12 and bare.sampler_function.__name__ == "sample_fsampler_dpmpp_2m"


def test_cfg_pp_runs_in_full():
    skipping, reports = ours("calls:12", "euler_cfg_pp")
    assert torch.equal(sample(told_less, skipping), sample(told_less, rig.ksampler("euler_cfg_pp")))
    assert "CFG++" in reports.runs[-1].notes[0].text


def test_a_hidden_guider_runs_in_full():
    skipping, reports = ours("calls:12")
    assert torch.equal(sample(hidden, skipping), sample(hidden, rig.ksampler()))
    (report,) = reports.runs
    assert report.calls == STEPS and [*map(str, report.notes)] == [
        "runs in full: a node that wraps the sampler hides the guider from it"
    ]
    skipping, reports = ours("off")
    sample(hidden, skipping)
    assert reports.runs[-1].notes == []


@pytest.mark.parametrize("mode", ["balanced", "calls:12", "h2, 3, 5"])
def test_a_run_a_step_is_the_bare_samplers(mode):
    """Whatever the mode says of the number of steps."""
    skipping, reports = ours(mode)
    assert torch.equal(sample(in_parts, skipping), sample(in_parts, rig.ksampler()))
    assert all(report.calls == report.evaluations == 1 for report in reports.runs)
    assert all(report.notes for report in reports.runs)


def test_in_a_model_that_skips_the_models_mode_is_used():
    model, reports = rig.patched(rig.model(), "calls:12")
    skipping, none = ours("calls:5")
    sample(lambda *args, inner, **given: inner.sampler_function(*args, **given), skipping, model=model)
    assert reports.runs[-1].calls == 12 and not none.runs[-1].records
    assert {note.code for report in (reports.runs[-1], none.runs[-1]) for note in report.notes} >= {"another-fsampler"}


def test_the_function_looks_like_the_samplers():
    for name in ("euler", "dpm_fast", "dpmpp_2m_sde"):
        function, core = ours("balanced", name)[0].sampler_function, rig.ksampler(name).sampler_function
        assert inspect.signature(function) == inspect.signature(core)
        for attribute in ("__name__", "__qualname__", "__module__", "__doc__", "__code__", "__defaults__"):
            assert getattr(function, attribute) == getattr(core, attribute)


def test_the_sampler_is_of_the_samplers_class_and_copies():
    outer = ours("balanced")[0]
    assert isinstance(outer, comfy.samplers.KSAMPLER) and outer.sampler_function is outer.sampler_function
    for other in (copy.copy(outer), copy.deepcopy(outer), pickle.loads(pickle.dumps(outer))):
        assert type(other) is type(outer) and isinstance(other, comfy.samplers.KSAMPLER)
        assert other.sampler_function.__wrapped__ is rig.ksampler().sampler_function
        other.extra_options, other.sampler_function = {"s_noise": 2.0}, None
    assert outer.extra_options == {} and outer.sampler_function.__name__ == "sample_euler"


@pytest.mark.parametrize("copied", [True, False])
def test_a_function_in_its_place_that_calls_it(copied):
    """Skipping moves into the function that is called, and sees the sampler's own sigmas there."""
    outer, reports = ours("calls:12")
    chosen, original = copy.copy(outer) if copied else outer, outer.sampler_function

    def lie(function, model, x, sigmas, **given):
        inner = comfy.samplers.KSAMPLER(function)
        return told_less(model, x, sigmas, inner=inner, share=0.8, **given)

    def run(sampler):
        model = rig.model()
        return rig.advanced(rig.guided(model), sampler, rig.sigmas(model, STEPS))

    chosen.sampler_function = put = functools.partial(lie, original)
    assert chosen.sampler_function is put
    full = run(comfy.samplers.KSAMPLER(functools.partial(lie, rig.ksampler().sampler_function)))
    fast, made = rig.counted(rig.model(), lambda: run(chosen))
    (report,) = reports.runs
    assert report.calls == made == 12 and rig.psnr(full, fast) > 30
    assert [r.sigma for r in report.records] == rig.sigmas(rig.model(), STEPS)[:-1].tolist()
    chosen.sampler_function = original
    assert chosen.sampler_function is original and torch.equal(run(chosen), run(ours("calls:12")[0]))


def test_a_function_in_its_place_that_does_not():
    outer, reports = ours("calls:12")
    outer.sampler_function = rig.ksampler("heun").sampler_function
    model = rig.model()
    rig.advanced(rig.guided(model), outer, rig.sigmas(model, STEPS))
    assert reports.runs[-1].evaluations == 2 * STEPS - 1 and reports.runs[-1].sequence.count("R") == 12


def test_a_kept_area_and_a_mask_that_moves():
    """The blend is within what is skipped here, so predictions are of blended answers."""
    picture = rig.latent(value=0.5) | {"noise_mask": torch.linspace(0, 1, rig.SIZE).expand(1, rig.SIZE, rig.SIZE)}
    for differential in (True, False):
        model = rig.model()
        if differential:
            (model,) = rig.node("nodes_differential_diffusion", "DifferentialDiffusion", model=model)

        def run(inner, model=model):
            sampler = comfy.samplers.KSAMPLER(told_less, {"inner": inner, "share": 1.0})
            return rig.advanced(rig.guided(model), sampler, rig.sigmas(model, STEPS), latent_image=picture)

        skipping, reports = ours("balanced")
        assert rig.psnr(run(rig.ksampler()), run(skipping)) > 35 and "S" in reports.runs[-1].sequence


def test_a_function_that_borrows_the_samplers_name_is_not_probed():
    """``functools.wraps`` makes it look like core's; it may not be called but for the run."""
    core, seen = rig.ksampler().sampler_function, []

    @functools.wraps(core)
    def foreign(*args, **given):
        seen.append(len(args[1]))
        return core(*args, **given)

    skipping, reports = OURS["FSamplerSampler"]().wrap(comfy.samplers.KSAMPLER(foreign), "off", "calls:12")
    rig.advanced(rig.guided(rig.model()), skipping, rig.sigmas(rig.model(), STEPS))
    assert seen == [1] and reports.runs[-1].calls == 12
