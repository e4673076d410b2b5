"""Noise as a path over sigma: unit steps for the full run, the same path for a run of other steps."""

import pytest
import torch
from fsampler_research.benchmarks.steering.noise_path import NoisePath, ancestral_clock, er_sde_clock

SIGMAS = [9.0, 6.0, 4.0, 2.0, 1.0, 0.5, 0.0]
SHAPE = (64, 64)


def path(clock=ancestral_clock):
    return NoisePath(SHAPE, [1, 2], clock, False, SIGMAS)


def move(noise, sigma, following):
    return noise(torch.tensor(sigma), torch.tensor(following))


@pytest.mark.parametrize("clock", [ancestral_clock, er_sde_clock])
def test_the_full_runs_steps_are_independent_and_of_variance_1(clock):
    noise = path(clock)
    steps = torch.stack([move(noise, a, b) for a, b in zip(SIGMAS[:-2], SIGMAS[1:-1], strict=True)]).flatten(1)
    torch.testing.assert_close(steps @ steps.T / steps.shape[1], torch.eye(len(steps)), rtol=0, atol=0.06)


def test_two_ancestral_steps_add_what_one_over_both_adds():
    """Of noise alone: x' = (t / s)^2 x + sqrt(t^2 - t^4 / s^2) noise."""
    noise = path()

    def step(x, s, t):
        return (t / s) ** 2 * x + (t**2 - t**4 / s**2) ** 0.5 * move(noise, s, t)

    torch.testing.assert_close(step(step(0.0, 6.0, 4.0), 4.0, 2.0), step(0.0, 6.0, 2.0))


def test_a_point_between_leaves_the_full_runs_noise_as_it_is():
    one, other = path(), path()
    move(other, 3.0, 1.5)
    assert torch.equal(move(one, 4.0, 2.0), move(other, 4.0, 2.0))
    total = (3.0**-2 - 4.0**-2) ** 0.5 * move(other, 4.0, 3.0) + (2.0**-2 - 3.0**-2) ** 0.5 * move(other, 3.0, 2.0)
    torch.testing.assert_close(total, (2.0**-2 - 4.0**-2) ** 0.5 * move(one, 4.0, 2.0))
    assert float(move(other, 4.0, 3.0).std()) == pytest.approx(1, abs=0.05)
