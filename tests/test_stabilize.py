"""Stabilizers and the learned trend against the formulas written out with plain numbers."""

import math

import pytest
import torch
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.fsampler.forecast import Forecaster
from comfyui_fsampler.fsampler.gap_error import HIGH_CURVATURE
from comfyui_fsampler.fsampler.measure import dot, share_along
from comfyui_fsampler.fsampler.paper import gradient_estimate, learn_ratio
from comfyui_fsampler.fsampler.predictors import learn_gain, within_reach
from toys import predicted, remember


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


def latents(*lengths):
    """One latent of shape [2, 3] for each length."""
    base = f64([1.0, 2.0, 2.0], [0.0, 4.0, 0.0]) / 5
    return torch.stack([base * length for length in lengths])


def came_true(change, trend):
    return share_along(dot(change, trend), dot(trend, trend))


def test_the_ratio_starts_at_one_and_learns_per_sample():
    ratio = learn_ratio(None, latents(3.0, 1.0), latents(2.0, 2.0), 0.9)
    assert ratio.shape == (2, 1, 1)
    assert ratio.flatten().tolist() == pytest.approx([0.9 + 0.1 * 1.5, 0.9 + 0.1 * 0.5])
    again = learn_ratio(ratio, latents(4.0, 4.0), latents(2.0, 4.0), 0.9)
    assert again.flatten().tolist() == pytest.approx([0.9 * 1.05 + 0.1 * 2, 0.9 * 0.95 + 0.1 * 1])


@pytest.mark.parametrize(
    "beta, predicted, expected",
    [
        (0.0, 100.0, 2.0),
        (0.0, 0.01, 0.5),
        (0.5, 10.0, 2.0),
        (0.5, 2.0, 1.5),
        (1.0, 100.0, 1.0),
    ],
)
def test_the_ratio_stays_within_half_and_two(beta, predicted, expected):
    assert float(learn_ratio(None, latents(predicted), latents(1.0), beta)) == pytest.approx(expected)


def test_a_zero_real_value_gives_no_nan():
    assert float(learn_ratio(None, latents(1.0), latents(0.0), 0.0)) == 2.0


@pytest.mark.parametrize("gamma", [1.0, 1.1, 2.0, 5.0])
def test_gradient_estimation_and_its_clamp(gamma):
    d, last = f64([[3.0, 4.0]], [[3.0, 4.0]]), f64([[2.9, 4.1]], [[-3.0, 0.0]])  # one small change, one large
    result = gradient_estimate(d, last, gamma)
    for got, now, before in zip(result, d, last, strict=True):
        added = [(gamma - 1) * (n - b) for n, b in zip(now[0].tolist(), before[0].tolist(), strict=True)]
        length, limit = math.hypot(*added), 0.25 * 5
        factor = 1 if length <= limit else limit / length
        assert got[0].tolist() == pytest.approx([n + factor * a for n, a in zip(now[0].tolist(), added, strict=True)])
    if gamma == 5:
        assert float((result - d)[1].norm()) == pytest.approx(1.25)


def test_gradient_estimation_without_a_change_changes_nothing():
    d = latents(2.0)
    assert torch.equal(gradient_estimate(d, d, 5.0), d)


def test_the_trend_is_the_share_that_came_true():
    trend, change = latents(2.0, 2.0, 2.0), latents(1.0, 3.0, -1.0)
    alpha = learn_gain(None, came_true(change, trend), None)
    assert alpha.shape == (3, 1, 1)
    assert alpha.flatten().tolist() == pytest.approx([0.5, 1.2, 0.0])  # 1.5 and -0.5 are clamped to [0, 1.2]
    never, always = torch.zeros(3, 1, 1, dtype=torch.bool), torch.ones(3, 1, 1, dtype=torch.bool)
    again = learn_gain(alpha, came_true(latents(2.0, 0.0, 5.0), trend), never)
    assert again.flatten().tolist() == pytest.approx([(0.5 + 1) / 2, (1.2 + 0) / 2, (0 + 1.2) / 2])
    stiff = learn_gain(alpha, came_true(latents(2.0, 0.0, 5.0), trend), always)
    assert stiff.flatten().tolist() == pytest.approx([(0.5 + 1) / 2, 0, (0 + 1.2) / 2])  # falls at once, rises slowly


def test_only_the_part_along_the_trend_counts():
    trend, across = f64([[1.0, 0.0]]), f64([[0.4, 7.0]])
    assert float(learn_gain(None, came_true(across, trend), None)) == pytest.approx(0.4)


@pytest.mark.parametrize("older", [10.0, 6.0])  # 6: a sampler that had looked ahead
def test_a_trend_is_followed_as_far_as_it_was_measured_over(older):
    reached = [float(within_reach(torch.tensor(sigma), 8.0, older)) for sigma in (7.9, 6.5, 6.0, 5.9, 1.0)]
    assert reached == pytest.approx([7.9, 6.5, 6.0, 6.0, 6.0])


@pytest.mark.parametrize("stabilizer, seen", [("trend", [5.0, 4.0, 4.0, 4.0]), ("none", [5.0, 4.0, 3.0, 2.0])])
def test_past_its_reach_the_trend_is_held_and_a_bare_line_goes_on(stabilizer, seen):
    def at(*sigmas, step_before):
        forecaster = Forecaster(Config.parse("calls:9", stabilizer=stabilizer), flow=False)
        for sigma, begins in ((8.0, step_before), (6.0, 6.0)):  # a value that equals its sigma: so does the line
            forecaster.remember(torch.ones(2, 1), sigma, torch.ones(2, 1), torch.full((2, 1), sigma), begins)
        return [predicted(forecaster, torch.ones(2, 1), sigma) for sigma in sigmas]

    values = at(5.0, 4.0, 3.0, 2.0, step_before=8.0)
    assert [float(value[0]) for value in values] == pytest.approx(seen)
    further = at(4.0, 3.0, 2.0, step_before=9.0)
    assert [float(value[0]) for value in further] == pytest.approx([4.0, 3.0, min(seen[-1], 3.0)])


def test_no_trend_gives_a_finite_alpha():
    assert math.isfinite(float(learn_gain(None, came_true(latents(1.0), latents(0.0)), None)))


@pytest.mark.parametrize("space, unit", [("epsilon", 1.0), ("residual", 2.0), ("denoised", 2.0)])
def test_a_curvature_is_that_of_epsilon_in_every_space(space, unit):
    """A miss of the other two, at sigma 2, is twice that of epsilon."""
    forecaster, denoised = Forecaster(Config.parse("calls:9", space=space), flow=False), torch.ones(2, 1)
    for sigma in (4.0, 3.0):
        remember(forecaster, sigma, torch.full((2, 1), sigma))
    kappa = forecaster.back_test(denoised, 2.0, denoised, 2 + torch.tensor([[0.1], [-0.5]]))
    assert kappa.flatten().tolist() == pytest.approx([9 * 0.1 / 2 / unit, 9 * 0.5 / 2 / unit])


def test_the_first_back_test_says_which_samples_are_strongly_curved():
    forecaster, denoised = Forecaster(Config.parse("calls:9"), flow=False), torch.ones(2, 1)
    for sigma in (4.0, 3.0):
        remember(forecaster, sigma, torch.full((2, 1), sigma))
    # a second difference of d / 2 in sigma is kappa times the squared slope of lambda, kappa / 9
    kappa = forecaster.back_test(denoised, 2.0, denoised, 2 + torch.tensor([[0.1], [-0.5]]))
    assert kappa.flatten().tolist() == pytest.approx([9 * 0.1 / 2, 9 * 0.5 / 2])
    assert torch.equal(forecaster.first_curvature, kappa) and (kappa > HIGH_CURVATURE).all()
    forecaster = forecaster.fresh()
    assert forecaster.first_curvature is None
    for sigma in (4.0, 3.0):
        remember(forecaster, sigma, torch.full((2, 1), sigma))
    first = forecaster.back_test(denoised, 2.0, denoised, 2 + torch.tensor([[0.05], [-0.5]]))
    assert (first >= HIGH_CURVATURE).flatten().tolist() == [False, True]
    remember(forecaster, 2.0, torch.full((2, 1), 2.0))
    forecaster.predictor.trend_gain = torch.ones(2, 1)
    forecaster.back_test(denoised, 1.0, denoised, torch.full((2, 1), 2.0))  # no change at all, where both had a trend
    assert torch.equal(forecaster.first_curvature, first)
    assert forecaster.predictor.trend_gain.flatten().tolist() == [0.5, 0]
