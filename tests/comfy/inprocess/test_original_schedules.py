"""The original's schedulers: all fall to 0 with every kind of model; those that ComfyUI lacks are what their formula
says."""

import math

import comfy.samplers
import pytest
import rig
import torch
from comfyui_fsampler.nodes.original_inputs import SCHEDULERS
from comfyui_fsampler.nodes.schedules import OWN, sigmas_of

UNCOUNTED = ("ddim_uniform", "beta")  # ComfyUI's own give a step more or less than asked


@pytest.mark.parametrize("scheduler, official", [*((name, True) for name in SCHEDULERS), ("bong_tangent", False)])
def test_falls_to_zero(scheduler, official, prediction):
    model = rig.model(prediction)
    for steps in range(1, 51):
        sigmas = sigmas_of(model, scheduler, steps, official=official)
        assert sigmas.dtype == torch.float32
        assert torch.isfinite(sigmas).all() and (sigmas[:-1] > sigmas[1:]).all() and sigmas[-1] == 0
        assert scheduler.startswith(UNCOUNTED) or len(sigmas) == steps + 1
        if scheduler in OWN and scheduler != "vp":
            assert float(sigmas[0]) == pytest.approx(float(model.get_model_object("model_sampling").sigma_max))


@pytest.mark.parametrize("scheduler", [name for name in SCHEDULERS if name not in OWN])
def test_core_has_its_own(scheduler, prediction):
    model = rig.model(prediction)
    assert torch.equal(sigmas_of(model, scheduler, 20), rig.sigmas(model, 20, scheduler))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_denoise_keeps_the_end(scheduler, prediction):
    model = rig.model(prediction)
    longer = sigmas_of(model, scheduler, 40)
    assert torch.allclose(sigmas_of(model, scheduler, 10, denoise=0.25), longer[-11:], rtol=1e-2)
    assert len(sigmas_of(model, scheduler, 10, denoise=0.0)) == 0


def bounds(model):
    sampling = model.get_model_object("model_sampling")
    return float(sampling.sigma_min), float(sampling.sigma_max)


def test_polyexponential_is_exponential(prediction):
    model = rig.model(prediction)
    assert torch.allclose(sigmas_of(model, "polyexponential", 20), rig.sigmas(model, 20, "exponential"))


def test_beta57(prediction):
    model = rig.model(prediction)
    expected = comfy.samplers.beta_scheduler(model.get_model_object("model_sampling"), 20, 0.5, 0.7)
    assert torch.equal(sigmas_of(model, "beta57", 20), expected)


@pytest.mark.parametrize("scheduler", ["vp", "laplace"])
def test_flow_time_at_the_same_signal_to_noise_ratio(scheduler):
    flow, noisy = sigmas_of(rig.model("flow"), scheduler, 20), sigmas_of(rig.model("eps"), scheduler, 20)
    assert torch.allclose(flow[1:-2], (noisy / (1 + noisy))[1:-2], rtol=1e-5)


@pytest.mark.parametrize("scheduler, growing", [("fibonacci", True), ("fibonacci_rev", False)])
def test_fibonacci(scheduler, growing, prediction):
    falls = -sigmas_of(rig.model(prediction), scheduler, 12)[:-1].double().log().diff()
    falls = falls if growing else falls.flip(0)
    numbers = torch.tensor([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
    low, high = bounds(rig.model(prediction))
    assert torch.allclose(falls / math.log(high / low) * 232, numbers.double(), atol=0.02)


def arctan(x, slope, pivot):
    return math.atan(-slope * (x - pivot)) * 2 / math.pi / 2 + 0.5


def test_bong_tangent_is_res4lyf_s():
    """Two stages of arctangents from 1 over 0.5 to 0, pivots at 0.6 of n = steps + 2, slope 0.2 / (n / 40)."""
    n, split = 22, 13
    slope = 0.2 / (n / 40)
    sigmas = sigmas_of(rig.model("flow"), "bong_tangent", 20)
    for length, pivot, start, end, first in ((split, 13, 1.0, 0.5, 0), (n - split, 0, 0.5, 0.0, split - 1)):
        top, bottom = arctan(0, slope, pivot), arctan(length - 1, slope, pivot)
        for i in range(length):
            expected = (arctan(i, slope, pivot) - bottom) / (top - bottom) * (start - end) + end
            assert float(sigmas[first + i]) == pytest.approx(expected, abs=1e-6), (first, i)


def test_bong_tangent_of_one_curve(prediction):
    """Slope 20 around step 20."""
    model = rig.model(prediction)
    low, high = bounds(model)
    sigmas = sigmas_of(model, "bong_tangent", 20, official=False)
    top, bottom = arctan(0, 20, 20), arctan(19, 20, 20)
    expected = [(arctan(i, 20, 20) - bottom) / (top - bottom) * (high - low) + low for i in range(20)]
    assert torch.allclose(sigmas[:-1], torch.tensor(expected), rtol=2e-3)  # 2e-4 apart where the curve is flatter


def test_bong_tangent_of_eps_models_has_flow_s_signal_to_noise_ratio():
    flow, noisy = (sigmas_of(rig.model(kind), "bong_tangent", 20) for kind in ("flow", "eps"))
    top = float(noisy[0] / (1 + noisy[0]))
    assert torch.allclose(noisy / (1 + noisy), flow * top, atol=1e-6)


@pytest.mark.parametrize("scheduler, share", [("bong_tangent_2", 0.5), ("bong_tangent_2_simple", 0.625)])
def test_two_curves_meet_at_the_geometric_mean(scheduler, share, prediction):
    model = rig.model(prediction)
    low, high = bounds(model)
    sigmas = sigmas_of(model, scheduler, 21)
    assert float(sigmas[int(22 * share) - 1]) == pytest.approx(math.sqrt(low * high), rel=1e-4)
    assert float(sigmas[-2]) == pytest.approx(low, rel=1e-4)


def test_constant_only_denoises_at_the_end(prediction):
    model = rig.model(prediction)
    sigmas = sigmas_of(model, "constant", 20)
    high = bounds(model)[1]
    assert torch.allclose(sigmas[:-1], torch.full((20,), high), rtol=5e-3) and (sigmas[:-1].diff() < 0).all()


def test_a_scheduler_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(comfy.samplers, "calculate_sigmas", lambda *_: torch.tensor([1.0, float("nan"), 0.0]))
    with pytest.raises(ValueError, match="scheduler karras does not fall at step 1 of 2"):
        sigmas_of(rig.model(), "karras", 2)
