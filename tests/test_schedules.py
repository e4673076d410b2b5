"""Schedules of the demo against their definitions; tests/comfy compares them with ComfyUI's."""

import math

import pytest
import torch
from fsampler_research.demo.schedules import flow_sampling, sigma_table, sigmas_for, sigmas_of, tabled

SHIFTS = (1.0, 3.0, 8.0, 12.0)


def shifted(t, shift):
    return shift * t / (1 + (shift - 1) * t)


@pytest.mark.parametrize("shift", SHIFTS)
def test_shift_of_flow_time(shift):
    table = sigma_table("flow", shift)
    assert table[-1] == 1
    assert float(table[499]) == pytest.approx(shifted(0.5, shift))
    torch.testing.assert_close(
        sigmas_for("simple", "flow", 4, shift), torch.tensor([*(shifted(t, shift) for t in (1, 0.75, 0.5, 0.25)), 0])
    )


def test_the_usual_shift_is_3():
    assert torch.equal(sigmas_for("beta", "flow", 20), sigmas_for("beta", "flow", 20, 3.0))


@pytest.mark.parametrize("shift", SHIFTS)
def test_normal_and_sgm_uniform_are_even_in_time(shift):
    last = shifted(0.001, shift)  # ComfyUI takes the lowest sigma for a time
    for schedule, count in (("normal", 11), ("sgm_uniform", 12)):
        times = [1 + i / (count - 1) * (last - 1) for i in range(11)]
        expected = torch.tensor([*(shifted(t, shift) for t in times), 0.0])
        torch.testing.assert_close(sigmas_for(schedule, "flow", 11, shift), expected)


def test_normal_between_entries_of_the_table_is_even_in_log_sigma():
    table = sigma_table("eps").double()
    sigmas = sigmas_for("normal", "eps", 3)  # timesteps 999, 499.5, 0
    assert float(sigmas[1]) == pytest.approx(math.sqrt(table[499] * table[500]))
    torch.testing.assert_close(sigmas, torch.tensor([float(table[999]), float(sigmas[1]), float(table[0]), 0.0]))


def test_ddim_uniform_takes_every_nth_entry_from_the_second():
    table = sigma_table("flow", 1.0).float()
    assert torch.equal(sigmas_for("ddim_uniform", "flow", 20, 1.0), torch.cat([table[1::50].flip(0), torch.zeros(1)]))
    assert len(sigmas_for("ddim_uniform", "flow", 30)) == 32  # 1000 // 30 = 33 entries a step make one more


def test_kl_optimal_is_even_in_the_arctangent():
    angles = sigmas_for("kl_optimal", "eps", 12)[:-1].double().atan()
    torch.testing.assert_close(angles.diff(), angles.diff().mean().expand(11), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(sigmas_for("kl_optimal", "flow", 12)[[0, -2]], sigma_table("flow")[[-1, 0]].float())


def test_exponential_is_even_in_log_sigma():
    logs = sigmas_for("exponential", "v", 12)[:-1].double().log()
    torch.testing.assert_close(logs.diff(), logs.diff().mean().expand(11), rtol=1e-5, atol=0)


@pytest.mark.parametrize("steps", [2, 7, 20, 50])
def test_linear_quadratic(steps):
    sigmas, half = sigmas_for("linear_quadratic", "flow", steps).double(), steps // 2
    torch.testing.assert_close(sigmas[: half + 1], 1 - 0.025 * torch.arange(half + 1).double() / half)
    slopes = sigmas[half:].diff()
    assert torch.allclose(slopes.diff(), slopes.diff().mean(), atol=1e-6)  # a parabola, to 0
    bend = float(slopes.diff().mean()) / 2 if len(slopes) > 1 else -(1 - 0.05)
    assert float(slopes[0]) - bend == pytest.approx(-0.025 / half, abs=1e-6)  # as steep where it begins


@pytest.mark.parametrize("steps, mu", [(10, 8.73809524e-05 * 4096 + 1.89833333), (200, 0.00016927 * 4096 + 0.45666666)])
def test_flux2_at_the_two_counts_of_its_line(steps, mu):
    even = 1 - torch.arange(steps + 1).double() / steps
    expected = math.exp(mu) / (math.exp(mu) + 1 / even - 1)
    torch.testing.assert_close(sigmas_for("flux2", "flow", steps).double(), expected, rtol=1e-6, atol=1e-7)


def test_a_sampling_of_its_own():
    table = torch.linspace(math.log(0.01), math.log(80), 1000, dtype=torch.float64).exp()
    torch.testing.assert_close(sigmas_of("normal", tabled(table), 15), sigmas_of("exponential", tabled(table), 15))
    assert flow_sampling(8.0).table is flow_sampling(8.0).table
