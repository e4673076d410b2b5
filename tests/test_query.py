"""Which step each evaluation belongs to, and which schedules are refused."""

import math

import pytest
import torch
from comfyui_fsampler.fsampler.location import StepLocator, steps_of
from comfyui_fsampler.fsampler.query import unround
from comfyui_fsampler.fsampler.schedule import check_schedule

VE = (14.6, 9.0, 5.0, 2.0, 0.5, 0.0)
FLOW = (1.0, 0.8, 0.5, 0.3, 0.1, 0.0)


def located(schedule, asked):
    locator = StepLocator(schedule)
    return [locator.next_place(sigma).step for sigma in asked]


@pytest.mark.parametrize("schedule", [VE, FLOW])
def test_one_evaluation_a_step(schedule):
    assert located(schedule, schedule[:-1]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("schedule", [VE, FLOW])
def test_float32_and_float64_rounding_do_not_move_a_step(schedule):
    for factor in (1 - 3e-7, 1 + 3e-7, 1 - 5e-5, 1 + 5e-5):
        assert located(schedule, [sigma * factor for sigma in schedule[:-1]]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("schedule", [VE, FLOW])
def test_heun_shares_its_second_sigma_with_the_next_step(schedule):
    """Step 0's second evaluation still counts as step 1; from then on the sharing is known."""
    asked = [schedule[0], *(s for s in schedule[1:-1] for _ in range(2))]
    assert located(schedule, asked) == [0, 1, 1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize("schedule", [VE, FLOW])
def test_an_evaluation_at_sigma_zero_belongs_to_the_last_step(schedule):
    asked = [schedule[0], *(s for s in schedule[1:-1] for _ in range(2)), 0.0]
    assert located(schedule, asked)[-2:] == [4, 4]


@pytest.mark.parametrize("schedule", [VE, FLOW])
@pytest.mark.parametrize("fraction", [0.5, 0.02, 0.98])
def test_middle_sigmas_belong_to_the_step_they_lie_in(schedule, fraction):
    asked = []
    for sigma, following in zip(schedule[:-2], schedule[1:-1], strict=True):
        asked += [sigma, sigma ** (1 - fraction) * following**fraction]
    assert located(schedule, [*asked, schedule[-2]]) == [0, 0, 1, 1, 2, 2, 3, 3, 4]


def test_a_sigma_above_the_schedule_is_step_0():
    assert steps_of(VE, [17.0, 10.5, 5.6]) == [0, 0, 1]


def test_a_step_never_goes_back():
    """heunpp2 asks for the next two sigmas and returns."""
    asked = [*VE[0:3], *VE[1:4], *VE[2:5]]
    assert located(VE, asked) == [0, 1, 2, 2, 2, 3, 3, 3, 4]


BAD = [
    ([], "schedule has 0 sigmas; expected at least 2"),
    ([1.0], "schedule has 1 sigmas; expected at least 2"),
    ([1.0, math.nan, 0.0], "sigma nan at index 1; expected finite values >= 0"),
    ([math.inf, 1.0], "sigma inf at index 0; expected finite values >= 0"),
    ([1.0, 0.5, -0.1], "sigma -0.1 at index 2; expected finite values >= 0"),
    ([1.0, 0.5, 0.5], "sigma 0.5 at index 2 after 0.5; expected strictly decreasing values"),
    ([1.0, 2.0], "sigma 2.0 at index 1 after 1.0; expected strictly decreasing values"),
]


@pytest.mark.parametrize("sigmas, message", BAD)
def test_a_bad_schedule_is_refused_with_value_and_index(sigmas, message):
    with pytest.raises(ValueError) as caught:
        check_schedule(sigmas)
    assert str(caught.value) == message


def test_a_good_schedule_becomes_floats():
    values = check_schedule(torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64))
    assert values == (1.0, 0.5, 0.0) and all(type(value) is float for value in values)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("flow", [True, False])
def test_sigmas_rounded_to_half_precision_are_the_schedules_own_again(dtype, flow):
    """Each step of a schedule is found from its rounded sigma; one in between stays in between."""
    sigmas = torch.linspace(1, 0, 21) if flow else torch.linspace(14.6, 0, 21)
    rounded = sigmas[:-1].to(dtype)
    assert torch.equal(unround(rounded, sigmas), sigmas[:-1])
    assert located(check_schedule(sigmas), unround(rounded, sigmas).tolist()) == [*range(20)]
    between = ((sigmas[:-1] + sigmas[1:]) / 2).to(dtype)
    assert torch.equal(unround(between, sigmas), between.float())
    assert torch.equal(unround(sigmas, torch.tensor([2.0, 0.0])), sigmas)  # full precision is taken as it is
