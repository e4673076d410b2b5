"""The noise watch: which first steps show a sampler's own noise."""

import pytest
import torch
from comfyui_fsampler.fsampler.noise import NoiseWatch

SIGMAS = (10.0, 8.0, 6.0, 0.0)
X = torch.tensor([[3.0, -1.0, 2.0, 0.5], [1.0, 4.0, -2.0, 1.5]])
DENOISED = X / 2


def verdict(share, sigma, begun=True):
    """A state at ``sigma`` that is off Euler's by ``share`` of the displacement, in the second sample only."""
    watch = NoiseWatch(SIGMAS)
    epsilon = (X - DENOISED) / SIGMAS[0]
    if begun:
        watch.start(DENOISED, epsilon, SIGMAS[0])
    state = X + (sigma - SIGMAS[0]) * epsilon
    state[1] += share * (sigma - SIGMAS[0]) * epsilon[1].flip(0)
    figures = watch.figures(state, torch.tensor(sigma))
    if figures:
        assert figures["noise"].flatten().tolist() == pytest.approx([0.0, share], abs=1e-5)
    return bool(figures) and watch.noisy(figures["noise"].flatten().tolist(), sigma)


@pytest.mark.parametrize("sigma", [9.0, 8.0])
def test_second_order_terms_are_no_noise_and_a_steps_worth_is(sigma):
    assert not verdict(0.0, sigma)
    assert not verdict(0.55, sigma)  # a two-stage solver under strong guidance
    assert verdict(0.85, sigma)
    assert verdict(2.5, sigma)


def test_only_the_first_step_is_judged_and_only_once_begun():
    assert not verdict(5.0, 7.0)
    assert not verdict(5.0, 8.0, begun=False)
