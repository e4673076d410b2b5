"""Plans of any size: against every subset of the steps, the number of calls, the bounds of time and memory."""

import gc
import itertools
import math
import weakref

import pytest
import torch
from comfyui_fsampler.fsampler import Config, begin, candidates, planner, policies, sample
from comfyui_fsampler.fsampler.gap_error import UNCORRECTED, denoised_change, points_at_starts
from comfyui_fsampler.fsampler.planner import Planner
from comfyui_fsampler.fsampler.policies import Budget, Situation
from comfyui_fsampler.fsampler.schedule import STILL, Windows, decided_level, lambda_slope_squared, ve_sigma
from comfyui_fsampler.samplers import SOLVERS
from fsampler_research.benchmarks.live_bytes import LiveBytes
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import noise, problem, schedule

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
MEBIBYTE = 2**20


def at_both_ends(sigmas):
    """heun's points: a step's start and end, half of its effect each; the last step before 0 has one."""
    pairs = itertools.pairwise(sigmas)
    return tuple(((a, 0.5), (b, 0.5)) if b > 0 else ((a, 1.0),) for a, b in pairs)


def half_way(sigmas):
    """The first evaluation of a step decides only where the second is made, half-way in lambda."""
    pairs = itertools.pairwise(sigmas)
    return tuple(((a, 0.0), ((a * b) ** 0.5, 1.0)) if b > 0 else ((a, 1.0),) for a, b in pairs)


def now_and_then(sigmas):
    """Two evaluations in every third step, of which the second is the next step's first."""
    both, starts = at_both_ends(sigmas), points_at_starts(sigmas)
    return tuple(both[i] if i % 3 == 1 else starts[i] for i in range(len(starts)))


POINTS = [points_at_starts, at_both_ends, half_way, now_and_then]


def squared_error(sigmas, points, flow, noisy, before, last, end):
    """A gap's, one term after the other."""
    seen = [sigma for step in (before, last) for sigma, _ in points[step]]
    newest, total = seen[-1], 0.0
    older = next((sigma for sigma in reversed(seen) if sigma != newest), seen[0])
    for j in range(last + 1, end):
        if noisy:
            forgotten = 1 - (ve_sigma(sigmas[j + 1], flow) / ve_sigma(sigmas[j], flow)) ** 2
            total += forgotten * sum(share * denoised_change(sigma, newest, flow) for sigma, share in points[j])
            continue
        for sigma, share in points[j]:
            spread = abs(sigmas[end] - sigma) + abs(sigma - older)
            missed = share * lambda_slope_squared(sigma, flow, STILL) * abs(sigma - newest) * spread
            total += (sigmas[j] / sigmas[j + 1] - 1) * missed
    if noisy:
        return total**2
    weight = UNCORRECTED if end == len(sigmas) - 1 else 1.0
    return (weight * total * sigmas[end] / decided_level(sigmas[end], flow, STILL)) ** 2


def every_path(start, final, fixed, longest, calls):
    """All sets of ``calls`` steps after ``start``, the last one ``final``, that the rules allow."""
    between = range(start + 1, final)
    for chosen in itertools.combinations(between, calls - 1):
        path = [start, *chosen, final]
        if fixed.difference(path) or any(b - a > longest + 1 for a, b in itertools.pairwise(path)):
            continue
        yield path


@st.composite
def plans(draw):
    steps, flow, open_end = draw(st.integers(5, 10)), draw(st.booleans()), draw(st.booleans())
    sigmas = tuple(schedule(steps + open_end, flow, torch.float64).tolist()[: steps + 1])
    changes = draw(st.frozensets(st.integers(1, steps - 1), max_size=2))
    windows = Windows.of(sigmas, draw(st.integers(2, 4)), draw(st.integers(1, 3)))
    points = draw(st.sampled_from(POINTS))(sigmas)
    return sigmas, points, flow, draw(st.booleans()), changes, windows, draw(st.sampled_from([1, 2, 5, 100]))


@QUICK
@given(run=plans(), thinned=st.booleans())
def test_a_plan_is_the_best_of_all_subsets(run, thinned):
    sigmas, points, flow, noisy, changes, windows, longest = run
    plan, start, final = Planner(*run, thinned=thinned), windows.first - 1, windows.final
    fixed = {step for change in changes for step in (change, change + 1) if start < step < windows.steps}
    fixed |= {*range(max(windows.closing, start + 1), final)}
    rest = plan.rest(start - 1, start)
    for calls in range(1, final - start + 1):

        def cost(path):
            three = zip([start - 1, *path], path, path[1:], strict=False)
            return sum(squared_error(sigmas, points, flow, noisy, *steps) for steps in three)

        costs = [cost(path) for path in every_path(start, final, fixed, longest, calls)]
        if not costs:
            assert rest[calls] == math.inf and plan.next_real(start - 1, start, calls) is None
            continue
        path = [start - 1, start]
        while path[-1] < final:
            path.append(plan.next_real(*path[-2:], calls - len(path) + 2))
        assert len(path) == calls + 2 and not fixed.difference(path)
        assert float(rest[calls]) == pytest.approx(min(costs), rel=1e-9, abs=1e-25)
        assert cost(path[1:]) == pytest.approx(min(costs), rel=1e-9, abs=1e-25)


def test_a_step_before_that_looked_as_far_ahead_as_the_last_one_is_no_second_point():
    """Step 1 also evaluates at step 2's sigma; what is seen beside it is step 1's own."""
    sigmas = tuple(schedule(6, dtype=torch.float64).tolist())
    points, run = now_and_then(sigmas), (False, False, (), Windows.of(sigmas, 3, 1), 5)
    expected = squared_error(sigmas, points, False, False, 1, 2, 5)
    assert float(Planner(sigmas, points, *run).rest(1, 2)[1]) == pytest.approx(expected, rel=1e-12)


def test_gaps_become_as_long_as_few_calls_need_and_one_step_more():
    for calls, reach in ((2, 10), (3, 7), (17, 6)):
        assert candidates.Candidates.of(Windows(20, False, 2, 1), (), 5, calls, thinned=False).reach == reach


def test_points_that_rise_again_count_as_one_evaluation_a_step():
    sigmas = tuple(schedule(8).tolist())
    ahead = tuple(((a, 0.5), (b, 0.5), (c, 0.0)) for a, b, c in zip(sigmas, sigmas[1:], sigmas[2:], strict=False))
    run = False, False, (), Windows.of(sigmas, 2, 1), 5
    assert torch.equal(Planner(sigmas, (*ahead, ahead[-1]), *run).rest(0, 1), Planner(sigmas, None, *run).rest(0, 1))


def walk(policy, sigmas, points=None, changes=frozenset(), noisy=False, curvature=0.1):
    """The REAL steps of a run that goes as the policy says; a changed model makes its step REAL. One cache a run."""
    real, keeping, since = [], planner.plans(), 0
    for step in range(len(sigmas) - 1):
        since = step if step in changes else since
        known = {i: curvature for i in real if i >= 2}
        situation = Situation(
            step,
            sigmas,
            tuple(real),
            curvatures=known,
            first_curvature=curvature if known else None,
            flow=sigmas[0] <= 1,
            noisy=noisy,
            changes=changes,
            model_since=since,
            points=points,
            planner=keeping,
        )
        if step in changes or not policy.decide(situation).skip:
            real.append(step)
    return real


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data(), steps=st.integers(1, 45), flow=st.booleans(), open_end=st.booleans(), noisy=st.booleans())
def test_a_number_of_calls_is_kept_or_refused(data, steps, flow, open_end, noisy):
    sigmas = tuple(schedule(steps + open_end, flow, torch.float64).tolist()[: steps + 1])
    changes = data.draw(st.frozensets(st.integers(1, max(steps - 1, 1)), max_size=3)) if steps > 1 else frozenset()
    first, last = data.draw(st.none() | st.integers(0, 8)), data.draw(st.integers(0, 8))
    calls, cap = data.draw(st.integers(1, steps)), data.draw(st.integers(1, 50))
    policy = Budget(calls, None, first, last, cap)
    try:
        policy.check(steps, changes)
    except ValueError as error:
        assert f"calls:{calls} in a run of {steps} steps; expected" in str(error)
        fixed = {*range(max(first or 0, 2)), *range(steps - max(last, 1), steps)}
        fixed |= {step for change in changes for step in (change, change + 1)}
        assert calls < len(fixed.intersection(range(steps)))
        return
    points = data.draw(st.sampled_from(POINTS))(sigmas)
    real = walk(policy, sigmas, points, changes, noisy, data.draw(st.sampled_from([0.1, 5.0])))
    assert len(real) == calls
    assert {*range(min(max(first or 0, 2), steps)), *changes} <= {*real}
    assert {i + 1 for i in changes if i + 1 < steps} <= {*real}
    assert open_end or {*range(max(steps - max(last, 1), 0), steps)} <= {*real}


@pytest.mark.parametrize("calls, change", [(9, 11), (7, 6), (12, 5)])
def test_a_number_of_calls_is_kept_over_an_unforeseen_change(calls, change):
    made = []

    def model(x, sigma):
        made.append(float(sigma[0]))
        return problem()(x, sigma)

    denoiser = begin(model, schedule(20), Config.parse(f"calls:{calls}"))

    def changing(x, sigma, **_):
        if len(denoiser.report.records) == change:
            denoiser.forget()
        return denoiser(x, sigma)

    SOLVERS["euler"](changing, noise(), schedule(20))
    assert denoiser.finish().calls == len(made) == calls


# ---- long runs


@pytest.mark.parametrize("changes", [frozenset(), frozenset({150, 600})], ids=["", "changes"])
@pytest.mark.parametrize("calls", [8, 130, 500])
def test_a_thousand_steps_keep_their_calls(calls, changes):
    sigmas = tuple(schedule(1000, True, torch.float64).tolist())
    assert len(walk(Budget(calls, None, None, 1, 5), sigmas, changes=changes)) == calls


def first_decision(policy, sigmas, changes, points=None):
    """Every plan of a run is made at its first decision; returns the most bytes alive."""
    with LiveBytes() as memory:
        known = dict.fromkeys(range(2, 4), 0.1)
        policy.decide(Situation(4, sigmas, (0, 1, 2, 3), 0, None, known, 0.1, changes=changes, points=points))
    return memory.peak


@pytest.mark.parametrize("changes", [frozenset(), frozenset({150, 600})], ids=["", "changes"])
@pytest.mark.parametrize("longest_gap", [5, 30, 1000])
def test_a_thousand_steps_are_planned_in_a_hundred_megabytes(longest_gap, changes):
    sigmas = tuple(schedule(1000, False, torch.float64).tolist())
    for policy in (
        *(Budget(calls, None, None, 1, longest_gap) for calls in (8, 130, 900)),
        Budget(500, None, 100, 100, longest_gap),
        policies.ErrorControl(0.02, 4, 1, longest_gap),
    ):
        assert first_decision(policy, sigmas, changes, at_both_ends(sigmas)) < 100 * MEBIBYTE, policy


def test_a_tolerance_may_take_longer_gaps_than_a_plan_of_all_steps_can():
    sigmas = tuple(schedule(1000, False, torch.float64).tolist())
    loose, strict = (walk(policies.ErrorControl(tolerance, 4, 1, 100), sigmas) for tolerance in (0.02, 1e-6))
    assert len(loose) < 50 and 300 < len(strict) < 1000
    assert max(b - a for a, b in itertools.pairwise(loose)) <= 101


def test_a_bound_on_the_work_changes_no_plan_of_usual_size():
    """Neither any longest gap up to 79 steps nor the default one up to 1000."""
    for steps, longest in ((79, 78), (60, 1000), (1000, 5)):
        windows = Windows(steps, False, 2, 1)
        for calls in (None, 3, steps // 2, steps - 3):
            if calls == 3 and longest == 5:
                continue
            found = candidates.Candidates.of(windows, (), longest, calls, thinned=True)
            assert found.complete and found.reach >= min(longest + 1, steps - 2)


@pytest.mark.parametrize("calls", [5, 7, 9])
@pytest.mark.parametrize("flow", [False, True])
def test_a_thinned_plan_is_nearly_as_good(flow, calls, monkeypatch):
    sigmas = tuple(schedule(78, flow, torch.float64).tolist())
    run = sigmas, None, flow, False, (), Windows.of(sigmas, 3, 1), 78
    exact = Planner(*run, calls=calls)
    monkeypatch.setattr(candidates, "WORK", 2e6)
    thinned = Planner(*run, calls=calls)
    assert exact.candidates.complete and len(thinned.candidates.steps) < 50
    best, near = (float(plan.rest(1, 2)[calls]) for plan in (exact, thinned))
    assert best <= near < 1.2 * best


@pytest.mark.parametrize("mode", ["calls:9", "balanced"])
def test_no_plan_outlives_its_run(mode, monkeypatch):
    made = []

    class Watched(Planner):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(weakref.ref(self))

    monkeypatch.setattr(planner, "Planner", Watched)
    denoiser = begin(problem(), schedule(20), Config.parse(mode))
    SOLVERS["euler"](denoiser, noise(), schedule(20))
    gc.collect()
    assert len(made) == 1 and made[0]() is not None  # one plan serves the whole run
    denoiser.finish()
    gc.collect()
    assert made[0]() is None  # the denoiser is still there
    sample(SOLVERS["euler"], problem(), noise(), schedule(20), mode)
    gc.collect()
    assert len(made) == 2 and made[1]() is None
