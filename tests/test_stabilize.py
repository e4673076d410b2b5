"""Stabilizers and the learned trend against the formulas written out with plain numbers."""

import math

import pytest
import torch
from comfyui_fsampler.fsampler.stabilize import gradient_estimate, learn_ratio
from comfyui_fsampler.fsampler.trend import learn_trend


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


def latents(*lengths):
    """One latent of shape [2, 3] for each length."""
    base = f64([1.0, 2.0, 2.0], [0.0, 4.0, 0.0]) / 5
    return torch.stack([base * length for length in lengths])


def test_the_ratio_starts_at_one_and_learns_per_sample():
    ratio = learn_ratio(None, latents(3.0, 1.0), latents(2.0, 2.0), 0.9)
    assert ratio.shape == (2, 1, 1)
    assert ratio.flatten().tolist() == pytest.approx([0.9 + 0.1 * 1.5, 0.9 + 0.1 * 0.5])
    again = learn_ratio(ratio, latents(4.0, 4.0), latents(2.0, 4.0), 0.9)
    assert again.flatten().tolist() == pytest.approx([0.9 * 1.05 + 0.1 * 2, 0.9 * 0.95 + 0.1 * 1])


@pytest.mark.parametrize("beta, predicted, expected", [
    (0.0, 100.0, 2.0), (0.0, 0.01, 0.5), (0.5, 10.0, 2.0), (0.5, 2.0, 1.5), (1.0, 100.0, 1.0),
])  # fmt: skip
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
    alpha = learn_trend(None, change, trend)
    assert alpha.shape == (3, 1, 1)
    assert alpha.flatten().tolist() == pytest.approx([0.5, 1.2, 0.0])  # 1.5 and -0.5 are clamped to [0, 1.2]
    again = learn_trend(alpha, latents(2.0, 0.0, 5.0), trend)
    assert again.flatten().tolist() == pytest.approx([(0.5 + 1) / 2, (1.2 + 0) / 2, (0 + 1.2) / 2])


def test_only_the_part_along_the_trend_counts():
    trend, across = f64([[1.0, 0.0]]), f64([[0.4, 7.0]])
    assert float(learn_trend(None, across, trend)) == pytest.approx(0.4)


def test_no_trend_gives_a_finite_alpha():
    assert math.isfinite(float(learn_trend(None, latents(1.0), latents(0.0))))
