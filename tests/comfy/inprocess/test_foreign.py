"""Samplers of other packs: a function, and a SAMPLER class of its own."""

import copy
import pickle

import comfy.samplers
import pytest
import rig
import torch


def midpoint(model, x, sigmas, extra_args=None, callback=None, disable=None, share=0.5):
    """Two evaluations a step, the second within the step; reads what other packs read of the guider."""
    guider = model.inner_model  # KSamplerX0Inpaint -> guider -> BaseModel
    known = guider.inner_model.model_sampling.sigma_max > 0 and guider.model_patcher.model_options is not None
    if not known or guider.cfg != 2.0:
        raise TypeError("midpoint is not given a guider of the usual kind")
    for i, (sigma, following) in enumerate(zip(sigmas, sigmas[1:], strict=False)):
        denoised = model(x, sigma * x.new_ones(len(x)), **extra_args)
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        slope = (x - denoised) / sigma
        if following > 0:
            middle = sigma + share * (following - sigma)
            between = x + slope * (middle - sigma)
            slope = (between - model(between, middle * x.new_ones(len(x)), **extra_args)) / middle
        x = x + slope * (following - sigma)
    return x


class Plain(comfy.samplers.Sampler):
    """Euler without KSAMPLER around it: calls the guider itself."""

    def sample(
        self, model_wrap, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, disable_pbar=False
    ):
        x = model_wrap.inner_model.model_sampling.noise_scaling(sigmas[0], noise, latent_image, True)
        for i, (sigma, following) in enumerate(zip(sigmas, sigmas[1:], strict=False)):
            denoised = model_wrap(x, sigma * x.new_ones(len(x)), **extra_args)
            x = denoised + following / sigma * (x - denoised)
            callback(i, denoised, x, len(sigmas) - 1)
        return x


@pytest.mark.parametrize("sampler", [comfy.samplers.KSAMPLER(midpoint, {"share": 0.4}), Plain()])
@pytest.mark.parametrize("by", ["model", "sampler"])
def test_a_sampler_of_another_pack(sampler, by, prediction):
    schedule = rig.sigmas(rig.model(prediction))

    def run(mode):
        model, reports = rig.model(prediction), None
        if by == "model":
            model, reports = rig.patched(model, mode)
            return rig.advanced(rig.guided(model), sampler, schedule), reports
        skipping, reports = rig.OURS["FSamplerSampler"]().wrap(sampler, "off", mode)
        return rig.advanced(rig.guided(model), skipping, schedule), reports

    bare = rig.model(prediction)
    full, evaluations = rig.counted(bare, lambda: rig.advanced(rig.guided(bare), sampler, schedule))
    assert torch.equal(run("off")[0], full)
    (fast, reports), made = rig.counted(bare, lambda: run("calls:7"))
    (report,) = reports.runs
    assert report.calls == made < report.evaluations == evaluations
    assert report.sequence.count("R") == 7 and rig.psnr(full, fast) > 15
    assert [note.code for note in report.notes] == (
        [] if isinstance(sampler, comfy.samplers.KSAMPLER) else ["sampler-unknown"]
    )


def test_extra_options_of_a_sampler_survive():
    """FSampler Sampler hands on what is set on the sampler, and what is set through it."""
    inner = comfy.samplers.KSAMPLER(midpoint, {"share": 0.4})
    outer = rig.wrapped(inner)
    assert outer.extra_options == {"share": 0.4} and outer.sampler_function.__wrapped__ is midpoint
    outer.extra_options = {"share": 0.3}
    assert inner.extra_options == {"share": 0.3}


def test_what_a_sampler_reads_sets_and_deletes_on_the_guider_is_the_guiders():
    from comfyui_fsampler.nodes.hook import Guider

    class Holder:
        cfg = 1.0

    holder = Holder()
    proxy = Guider(holder, None, None)
    proxy.cfg = 3.0
    proxy.mark = "own"
    assert holder.cfg == proxy.cfg == 3.0 and holder.mark == "own"
    del proxy.mark
    assert not hasattr(holder, "mark")


def test_our_samplers_copy_and_pickle_as_cores_do():
    outer, solver = (
        rig.wrapped(comfy.samplers.ksampler("euler")),
        rig.OURS["FSamplerSolver"]().build("lms", 0.0, 4, "fast"),
    )
    for sampler in (outer, solver[0]):
        for copied in (copy.copy(sampler), copy.deepcopy(sampler)):
            assert copied.extra_options == sampler.extra_options
            assert vars(copied)["_reports"] is vars(sampler)["_reports"]  # a copy reports to the same place
    assert pickle.loads(pickle.dumps(outer)).sampler_function.__wrapped__ is outer.sampler_function.__wrapped__


def test_the_guider_of_a_skipping_run_is_of_the_guiders_class_and_can_be_copied():
    seen = []

    def look(model, x, sigmas, extra_args=None, callback=None, disable=None):
        guider = model.inner_model
        seen.append((isinstance(guider, comfy.samplers.CFGGuider), copy.copy(guider).cfg))
        return midpoint(model, x, sigmas, extra_args, callback, disable)

    model = rig.model()
    rig.advanced(rig.guided(model), rig.wrapped(comfy.samplers.KSAMPLER(look)), rig.sigmas(model))
    assert seen == [(True, 2.0)]


def unpadding(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Euler that takes off the zeros around its schedule, as samplers do that run as stages of another pack."""
    sigmas = sigmas[int(sigmas[0] == 0) :]
    while len(sigmas) > 2 and sigmas[-2] == 0:
        sigmas = sigmas[:-1]
    for sigma, following in zip(sigmas, sigmas[1:], strict=False):
        denoised = model(x, sigma * x.new_ones(len(x)), **extra_args)
        x = denoised + following / sigma * (x - denoised)
    return x


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("behind", [0, 1, 2])
@pytest.mark.parametrize("open_end", [True, False])
def test_zeros_around_a_schedule_are_read_past_and_handed_on(before, behind, open_end, prediction):
    if open_end and behind:
        pytest.skip("zeros behind are the schedule's end")
    given = []

    def noted(model, x, sigmas, **rest):
        given.append(sigmas)
        return unpadding(model, x, sigmas, **rest)

    def run(padded):
        model, reports = rig.patched(rig.model(prediction), "calls:12")
        noise, empty = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)), rig.latent()["samples"]
        result = rig.guided(model).sample(noise, empty, comfy.samplers.KSAMPLER(noted), padded, disable_pbar=True)
        return result, reports.runs[-1]

    plain = rig.sigmas(rig.model(prediction), 20)[: -5 if open_end else None]
    padded = torch.cat([torch.zeros(before), plain, torch.zeros(behind)])
    (bare, expected), (samples, report) = run(plain), run(padded)
    assert torch.equal(given[-1], padded) and report.sequence == expected.sequence and report.sequence.count("R") == 12
    if not before:  # the first sigma scales the noise: the pack's own business
        assert torch.equal(samples, bare)


@pytest.mark.parametrize("sigmas", [[1.0, 0.0, 0.5, 0.0], [0.0, 0.5, 1.0], [0.0, 0.0], [0.0, 1.0, 1.0, 0.5, 0.0]])
def test_zeros_within_a_schedule_are_none_of_these(sigmas):
    def sampler(model, x, sigmas, extra_args=None, callback=None, disable=None):
        return x + 0.1 * model(x, x.new_ones(len(x)), **extra_args)

    model, reports = rig.patched(rig.model(), "balanced")
    rig.advanced(rig.guided(model), comfy.samplers.KSAMPLER(sampler), torch.tensor(sigmas))
    (report,) = reports.runs
    assert report.notes[0].code == "schedule-refused" and "S" not in report.sequence


def stopping(model, x, sigmas, steps_to_run=-1, sampler_mode="standard", start_at_step=-1, **rest):
    return unpadding(model, x, sigmas[: steps_to_run + 1] if steps_to_run > 0 else sigmas, **rest)


def test_a_first_stage_that_stops_early_is_planned_to_where_it_stops(prediction):
    """As over a schedule that ends there, its last steps protected; not so a later stage, which begins inside."""

    def run(sigmas, **options):
        model, reports = rig.patched(rig.model(prediction), "calls:60%", protect_first=2)
        rig.advanced(rig.guided(model), comfy.samplers.KSAMPLER(stopping, options), sigmas)
        return reports.runs[-1]

    sigmas = rig.sigmas(rig.model(prediction), 20)
    assert run(sigmas, steps_to_run=10, sampler_mode="standard") == run(sigmas[:11])
    assert run(sigmas, steps_to_run=-1, sampler_mode="standard") == run(sigmas)
    assert run(sigmas, steps_to_run=10, sampler_mode="resample").steps == 20
