"""The benchmark of samplers that add noise: which cells, and what its table counts."""

import pytest
from fsampler_research.benchmarks import noisy
from fsampler_research.benchmarks.steering.matrix import HALVES, NETWORKS, NOISY_SAMPLERS


@pytest.mark.parametrize("half", HALVES)
def test_one_cell_of_the_half_for_each_sampler_network_and_guidance(half):
    found = noisy.cells(half, NOISY_SAMPLERS)
    assert {(cell.sampler, cell.network, cell.cfg) for cell in found} == {
        (sampler, network, cfg) for sampler in NOISY_SAMPLERS for network in NETWORKS for cfg in noisy.CFGS
    }
    assert len(found) == len(NOISY_SAMPLERS) * len(NETWORKS) * len(noisy.CFGS)
    assert {cell.half for cell in found} == {half} and {cell.steps for cell in found} == set(noisy.STEPS)
    assert {(cell.prediction, cell.schedule, cell.shift) for cell in found} == set(noisy.KINDS)


def test_the_summary_counts_what_is_lost_in_either_figure():
    row = {"sampler": "lcm", "mode": "calls:60%", "calls": 12, "evaluations": 20, "psnr": 30.0, "ssim": 0.9}
    row |= {"fewer_psnr": 31.0, "fewer_ssim": 0.8, "hold_psnr": 29.0, "hold_ssim": 0.95}
    row |= {"hold_epsilon_psnr": 20.0, "hold_epsilon_ssim": 0.5}
    line = noisy.summary([row, {**row, "psnr": 32.0}]).splitlines()[2]
    assert line == (
        "| lcm | calls:60% | 2 | 60 % | 31.0 / 0.900 | 31.0 / 0.800 | 29.0 / 0.950 | 20.0 / 0.500 "
        "| 1 + 0 | 0 + 2 | 0 + 0 |"
    )


def test_what_is_left_out_changes_no_other_cell():
    some = noisy.cells("report", ["dpmpp_2m_sde"], [5.0], ["dit"])
    assert len(some) == 1 and set(some) < set(noisy.cells("report"))


@pytest.mark.parametrize("half", HALVES)
def test_no_guidance_scale_keeps_to_one_kind_of_schedule(half):
    kinds = {}
    for cell in noisy.cells(half, NOISY_SAMPLERS):
        kinds.setdefault(cell.cfg, []).append((cell.prediction, cell.schedule))
    for found in kinds.values():
        assert 3 * max(map(found.count, found)) <= len(found)  # of 21 cells and four kinds


def test_presets_are_held_against_their_tolerance_apart_from_the_rest():
    preset = {"sampler": "er_sde", "mode": "fast", "tolerance": 0.1, "cfg": 1.0, "calls": 5, "evaluations": 20}
    rows = [{**preset, "error": 0.05}, {**preset, "error": 0.3, "cfg": 5.0, "calls": 15}]
    expected = "| fast | er_sde | 2 | 50 % | 25 % | 1.75 | 1 | 3.0 |"
    assert noisy.presets(rows).splitlines()[2] == expected
    assert noisy.page(rows).splitlines() == noisy.presets(rows).splitlines()
