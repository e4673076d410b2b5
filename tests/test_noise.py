"""The noise watch: which first steps show a sampler's own noise. And what a prediction makes of such noise."""

import math

import pytest
import torch
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.fsampler.forecast import NoisyForecaster
from comfyui_fsampler.fsampler.gap_error import HIGH_CURVATURE
from comfyui_fsampler.fsampler.noise import GAIN, FirstAnswer, innovation, noise_in
from toys import noise, predicted, remember

SIGMAS = (10.0, 8.0, 6.0, 0.0)
X = torch.tensor([[3.0, -1.0, 2.0, 0.5], [1.0, 4.0, -2.0, 1.5]])
DENOISED = X / 2


def verdict(share, sigma):
    """Of a state at ``sigma`` that is off Euler's by ``share`` of the displacement, in the second sample only."""
    epsilon = (X - DENOISED) / SIGMAS[0]
    first = FirstAnswer(DENOISED, epsilon, SIGMAS[0], SIGMAS[0])
    state = X + (sigma - SIGMAS[0]) * epsilon
    state[1] += share * (sigma - SIGMAS[0]) * epsilon[1].flip(0)
    distances = first.euler_distance(state, torch.tensor(sigma)).flatten().tolist()
    assert distances == pytest.approx([0.0, share], abs=1e-5)
    return first.shows_noise(distances, sigma, SIGMAS[1])


@pytest.mark.parametrize("sigma", [9.0, 8.0])
def test_second_order_terms_are_no_noise_and_a_steps_worth_is(sigma):
    assert not verdict(0.0, sigma)
    assert not verdict(0.55, sigma)  # a two-stage solver under strong guidance
    assert verdict(0.85, sigma)
    assert verdict(2.5, sigma)


def test_only_the_first_step_is_judged():
    assert not verdict(5.0, 7.0) and verdict(5.0, 8.0)


# ---- the noise added since the last REAL evaluation

FRESH = torch.tensor([[2.0, -1.0, 0.0, 4.0], [0.0, 0.5, 1.0, 0.0]])


def held(sigma, flow):
    """Two samples: ``denoised``, what x holds beside it, and another noise at right angles to that."""
    here = torch.tensor([[1.0, 2.0, 3.0, 0.0], [0.0, -2.0, 1.0, 5.0]])
    x = (1 - sigma if flow else 1.0) * DENOISED + sigma * here
    assert not (here * FRESH).sum(1).any()
    return x, sigma * here


@pytest.mark.parametrize("kept", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(
    "flow, sigma, later, gain",
    [
        (False, 3.0, 2.0, GAIN),
        (False, 9.0, 8.0, 1 / 8),
        (True, 0.5, 0.4, GAIN),
        (True, 0.95, 0.9, 1 / 9),
    ],
)
def test_a_share_of_the_fresh_noise_is_taken_up_whatever_is_left_of_the_old(flow, sigma, later, gain, kept):
    x, beside = held(sigma, flow)
    torch.testing.assert_close(noise_in(x, DENOISED, sigma, flow), beside)
    signal = 1 - later if flow else 1.0
    state = signal * DENOISED + kept * beside + signal * FRESH
    moved = innovation(state, torch.tensor(later), DENOISED, beside, flow)
    torch.testing.assert_close(moved, gain * FRESH, rtol=1e-4, atol=1e-5)


def test_without_fresh_noise_the_prediction_stays():
    x, beside = held(3.0, False)
    assert innovation(DENOISED + beside / 3, torch.tensor(1.0), DENOISED, beside, False).abs().max() < 1e-6
    still = innovation(DENOISED, torch.tensor(1.0), DENOISED, torch.zeros_like(x), False)
    assert torch.equal(still, torch.zeros_like(x))


@pytest.mark.parametrize("flow", [False, True])
def test_where_noise_is_added_kappa_is_the_move_of_denoised_and_known_from_the_second_call(flow):
    x, later = noise((2, 4)), torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -3.0]])
    start, now = (0.8, 0.5) if flow else (4.0, 1.0)  # the same signal-to-noise ratios
    first = FirstAnswer(DENOISED, (x - DENOISED) / start, start, start)
    forecaster = NoisyForecaster.after(first, Config.parse("balanced"), flow)
    assert predicted(forecaster, x, now) is None  # one REAL value is no history
    kappa = forecaster.back_test(x, now, DENOISED + later, DENOISED + later)
    size = (DENOISED + later).square().mean(1).sqrt()
    expected = later.square().mean(1).sqrt() / size / torch.tensor(4.0).log()
    torch.testing.assert_close(kappa.flatten(), expected)
    assert torch.equal(forecaster.first_curvature, kappa)
    assert (expected > HIGH_CURVATURE).tolist() == [False, True]
    remember(forecaster, now, DENOISED + later, x, DENOISED + later)
    end = 0.2 if flow else 0.25
    again = forecaster.back_test(x, end, DENOISED, DENOISED)  # with two values behind it, still the move
    size = DENOISED.square().mean(1).sqrt()
    torch.testing.assert_close(again.flatten(), later.square().mean(1).sqrt() / size / (0.25**0.75 * math.log(4)))


def test_a_new_model_is_not_judged_by_the_old_ones_noise():
    x = noise((2, 4))
    first = FirstAnswer(DENOISED, (x - DENOISED) / 4, 4.0, 4.0)
    forecaster = NoisyForecaster.after(first, Config.parse("balanced"), False).fresh()
    assert forecaster.noisy and forecaster.noise is None
    assert forecaster.back_test(x, 3.0, DENOISED, DENOISED) is None
    remember(forecaster, 3.0, DENOISED, x, DENOISED)
    torch.testing.assert_close(forecaster.noise, x - DENOISED)
