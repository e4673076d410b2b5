"""The planned gaps: the error estimate written out, the shortest path against every subset, the two policies."""

import dataclasses
import functools
import itertools
import math

import pytest
import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.fsampler.config import Config
from comfyui_fsampler.fsampler.denoiser import SkippingDenoiser
from comfyui_fsampler.fsampler.gap_error import HIGH_CURVATURE, GapErrors, points_at_starts
from comfyui_fsampler.fsampler.planner import Planner
from comfyui_fsampler.fsampler.policies import FINAL_SHARE, Budget, Decision, ErrorControl, Policy, Situation
from comfyui_fsampler.fsampler.schedule import UNDECIDED, Windows, is_flow, lambda_slope_squared
from comfyui_fsampler.samplers import SOLVERS
from toys import heun, leaping, noise, problem, schedule

VE20, FLOW20 = (tuple(schedule(20, flow, torch.float64).tolist()) for flow in (False, True))


def shifted(steps, shift):
    """Even flow times, shifted."""
    times = [1 - i / steps for i in range(steps + 1)]
    return tuple(shift * t / (1 + (shift - 1) * t) for t in times)


def naive_gap_error(sigmas, before, last, end, estimate=False):
    """``gap_error`` at kappa 1 in full: curvature even in lambda, errors at flow time t count 1 / (1 - t) times; both
    level off above a VE sigma of 60, and in an estimate of 8."""
    flow = sigmas[0] <= 1

    def keep(sigma):
        return math.hypot(1 - sigma if flow else 1.0, sigma / (8 if estimate else 60))

    s, total = sigmas, 0.0
    for j in range(last + 1, end):
        ratio = s[j + 1] / s[j]
        slope = 1 / (s[j] * keep(s[j]))  # |d lambda / d sigma|
        reach = abs(s[j] - s[last]) * (abs(s[end] - s[j]) + abs(s[j] - s[before]))
        total += (1 - ratio) * (s[end] / s[j + 1]) * s[j] * slope**2 * reach
    return total / keep(s[end])


def naive_noisy_gap_error(sigmas, before, last, end):
    """An ancestral step of eta 1 keeps (s' / s)^2 of its state; ``denoised`` moves by s^.75 for each unit of lambda."""
    ve = [s / max(1 - s, 0.005) for s in sigmas] if sigmas[0] <= 1 else sigmas
    moves = {j: (math.log(ve[last]) - math.log(ve[j])) * ve[j] ** 0.75 for j in range(last + 1, end)}
    return sum((1 - ve[j + 1] ** 2 / ve[j] ** 2) * moved for j, moved in moves.items())


NAIVE = {False: naive_gap_error, True: naive_noisy_gap_error}
ESTIMATED = {False: functools.partial(naive_gap_error, estimate=True), True: naive_noisy_gap_error}


def gap_error(sigmas, points, before, last, end, flow, noisy=False, estimate=False):
    """The engine's, of one gap."""
    errors = GapErrors(sigmas, points, flow, noisy, estimate)
    return (
        float(errors.squared(torch.tensor([[before]]), torch.tensor([last]), torch.tensor([[end]]), end - last)) ** 0.5
    )


def noisy_gap_error(sigmas, points, last, end, flow):
    return gap_error(sigmas, points, 0, last, end, flow, noisy=True)


@pytest.mark.parametrize("sigmas", [VE20, FLOW20], ids=["ve", "flow"])
def test_gap_error_is_the_design_formula(sigmas):
    for before, last, end in itertools.combinations(range(20), 3):
        assert gap_error(sigmas, points_at_starts(sigmas), before, last, end, is_flow(sigmas)) == pytest.approx(
            naive_gap_error(sigmas, before, last, end), rel=1e-12
        )
        assert gap_error(
            sigmas, points_at_starts(sigmas), before, last, end, is_flow(sigmas), estimate=True
        ) == pytest.approx(naive_gap_error(sigmas, before, last, end, estimate=True), rel=1e-12)
        assert noisy_gap_error(sigmas, points_at_starts(sigmas), last, end, is_flow(sigmas)) == pytest.approx(
            naive_noisy_gap_error(sigmas, before, last, end), rel=1e-12
        )


def of_heun(sigmas):
    """Two evaluations a step, at its start and at its end, of half its effect each; one in the last."""
    return (*(((a, 0.5), (b, 0.5)) for a, b in itertools.pairwise(sigmas[:-1])), ((sigmas[-2], 1.0),))


def of_midpoint(sigmas):
    """The first evaluation of a step decides only where the second is made, half-way in lambda."""
    return (*(((a, 0.0), ((a * b) ** 0.5, 1.0)) for a, b in itertools.pairwise(sigmas[:-1])), ((sigmas[-2], 1.0),))


def test_gap_error_of_two_evaluations_written_out():
    s, level = VE20, [math.hypot(1.0, sigma / 60) for sigma in VE20]
    # heun, steps 4 and 5 skipped; seen last: sigma_4, at the end of step 3, and sigma_3; at sigma_4 nothing is missed
    total = 0.0
    for j, k in ((4, 5), (5, 5), (5, 6)):
        total += (s[j] / s[j + 1] - 1) * 0.5 / (s[k] * level[k]) ** 2 * (s[4] - s[k]) * (s[k] - s[6] + s[3] - s[k])
    assert gap_error(s, of_heun(s), 2, 3, 6, False) == pytest.approx(s[6] / level[6] * total, rel=1e-12)
    assert gap_error(s, of_heun(s), 0, 3, 6, False) == pytest.approx(s[6] / level[6] * total, rel=1e-12)
    # half-way: seen last m = sqrt(s3 s4) and s3; skipped at sqrt(s4 s5) and sqrt(s5 s6)
    m, total = (s[3] * s[4]) ** 0.5, 0.0
    for j in (4, 5):
        k = (s[j] * s[j + 1]) ** 0.5
        total += (s[j] / s[j + 1] - 1) / (k * math.hypot(1.0, k / 60)) ** 2 * (m - k) * (k - s[6] + s[3] - k)
    assert gap_error(s, of_midpoint(s), 2, 3, 6, False) == pytest.approx(s[6] / level[6] * total, rel=1e-12)


def test_noisy_gap_error_of_two_evaluations_written_out():
    s = VE20
    each = (*(((a, 1.0), ((a * b) ** 0.5, 1.0)) for a, b in itertools.pairwise(s[:-1])), ((s[-2], 1.0),))
    m, total = (s[3] * s[4]) ** 0.5, 0.0
    for j in (4, 5):
        moved = sum(k**0.75 * math.log(m / k) for k in (s[j], (s[j] * s[j + 1]) ** 0.5))
        total += (1 - (s[j + 1] / s[j]) ** 2) * moved
    assert noisy_gap_error(s, each, 3, 6, False) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("share, placed", [(8.0, 4.0), (1.5, 1.0), (1.0, 1.0), (0.3, 0.3)])
def test_placing_counts_half_of_an_amplification_and_an_estimate_all_of_it(share, placed):
    sigmas = (8.0, 6.0, 4.0, 2.0, 1.0, 0.0)
    points = list(points_at_starts(sigmas))
    plain = [gap_error(sigmas, tuple(points), 0, 1, 3, False, estimate=estimate) for estimate in (False, True)]
    points[2] = ((4.0, share),)
    seen = [gap_error(sigmas, tuple(points), 0, 1, 3, False, estimate=estimate) for estimate in (False, True)]
    assert [now / then for now, then in zip(seen, plain, strict=True)] == pytest.approx([placed, share])


def test_sigmas_that_coincide_have_a_gap_error():
    sigmas = (1.0, 1 - 1e-5, 0.5, 0.2, 0.0)
    assert 0 < gap_error(sigmas, points_at_starts(sigmas), 0, 1, 3, True) < math.inf


@pytest.mark.parametrize("evaluations", [points_at_starts, of_heun, of_midpoint])
@pytest.mark.parametrize("sigmas", [VE20, FLOW20], ids=["ve", "flow"])
def test_gap_error_is_0_without_a_skip_and_grows_with_the_gap(sigmas, evaluations):
    error = lambda *steps: gap_error(sigmas, evaluations(sigmas), *steps, is_flow(sigmas))  # noqa: E731
    for last in range(1, 18):
        errors = [error(last - 1, last, end) for end in range(last + 1, min(last + 7, 20))]
        assert errors[0] == 0 and all(math.isfinite(e) for e in errors)
        assert all(a < b for a, b in itertools.pairwise(errors))
        if last > 1 and len(errors) > 1 and evaluations is points_at_starts:  # an older second value extrapolates worse
            assert error(last - 2, last, last + 2) > errors[1]


def test_flow_is_read_from_the_schedule():
    assert is_flow(FLOW20) and is_flow((1.0, 0.0)) and not is_flow(VE20) and not is_flow((1.001, 0.0))


def brute_force(sigmas, error, opening, protect_last, calls, longest):
    """Cheapest set of REAL steps of that size, over all subsets; None when none is allowed."""
    steps = len(sigmas) - 1
    fixed = {*range(opening), *range(steps - protect_last, steps)}
    best = None
    for chosen in itertools.combinations([i for i in range(steps) if i not in fixed], calls - len(fixed)):
        real = sorted({*fixed, *chosen})
        if max(b - a for a, b in itertools.pairwise(real)) > longest + 1:
            continue
        cost = sum(error(sigmas, *three) ** 2 for three in zip(real, real[1:], real[2:], strict=False))
        if best is None or cost < best[0]:
            best = cost, real
    return best


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("opening, protect_last", [(2, 1), (3, 1), (3, 3)])
@pytest.mark.parametrize("longest", [1, 2, 9])
def test_the_shortest_path_equals_brute_force(flow, noisy, opening, protect_last, longest):
    sigmas = tuple(schedule(9, flow, torch.float64).tolist())
    plan = Planner(sigmas, None, is_flow(sigmas), noisy, (), Windows.of(sigmas, opening, protect_last), longest)
    rest, found = plan.rest(opening - 2, opening - 1), 0
    for calls in range(opening + protect_last, 10):
        best = brute_force(sigmas, NAIVE[noisy], opening, protect_last, calls, longest)
        cost = float(rest[calls - opening])
        if best is None:
            assert cost == math.inf
            continue
        assert cost == pytest.approx(best[0], rel=1e-9, abs=1e-15)
        real = list(range(opening))
        while len(real) < calls:
            real.append(plan.next_real(*real[-2:], calls - len(real)))
        assert real == best[1]
        found += 1
    assert found >= 1


def walk(policy, sigmas, curvatures=None, noisy=False):
    """The REAL steps a policy chooses and its decisions, kappas becoming known as steps turn REAL.

    curvatures: those of the steps, or a function of the REAL step before one and that one.
    """
    policy.check(len(sigmas) - 1)
    real, decisions, in_row = [], [], 0
    for step in range(len(sigmas) - 1):
        pairs = [(before, i) for before, i in itertools.pairwise(real) if i >= 2 - noisy] if curvatures else []
        known = {i: curvatures(before, i) if callable(curvatures) else curvatures[i] for before, i in pairs}
        first = known[min(known)] if known else None
        decision = policy.decide(
            Situation(step, sigmas, tuple(real), in_row, None, known, first, is_flow(sigmas), noisy)
        )
        decisions.append(decision)
        in_row = in_row + 1 if decision.skip else 0
        if not decision.skip:
            real.append(step)
    return real, decisions


def test_the_calls_are_enough_for_every_part():
    sigmas, policy = tuple(schedule(20, dtype=torch.float64).tolist()), ErrorControl(0.05, 3, 1, 5)

    def decide(*parts, step=5, real=(0, 1, 2, 4)):
        worst = {step: max(part[step] for part in parts) for step in parts[0]}
        by_part = parts if len(parts) > 1 else ()
        return policy.decide(Situation(step, sigmas, real, curvatures=worst, curvatures_by_part=by_part))

    calm, early, late = {2: 0.01, 4: 0.01}, {2: 0.4, 4: 0.02}, {2: 0.04, 4: 0.35}
    for part in (calm, early, late):
        twice = {step: 2 * kappa for step, kappa in part.items()}
        one, two = decide(part, twice).by_part
        assert two == pytest.approx(2 * one) and two == decide(twice).estimate and decide(part).by_part == ()
        assert decide(part, dict.fromkeys(part, 0.0)).by_part == (decide(part).estimate, 0.0)
    for parts in ((calm, late), (late, calm), (early, late), (calm, early, late)):
        together = decide(*parts)
        assert together.estimate == max(together.by_part) <= 0.05
        at_late = together.by_part[parts.index(late)]
        assert at_late == decide(late).estimate and together.skip == decide(late).skip != decide(calm).skip
    # A part is charged what its own back-tests showed, not the worst of each, which no part is like.
    gaps = {"step": 8, "real": (0, 1, 4, 7)}
    both, as_one = decide({4: 0.2, 7: 0.01}, {4: 0.02, 7: 0.2}, **gaps), decide({4: 0.2, 7: 0.2}, **gaps)
    assert max(both.by_part) == both.estimate < 0.8 * as_one.estimate


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("protect_first, protect_last", [(3, 1), (2, 1), (0, 0), (3, 4), (5, 2)])
def test_a_budget_is_spent_exactly_and_outside_the_windows(flow, protect_first, protect_last):
    for steps in (6, 9, 20):
        sigmas = tuple(schedule(steps, flow, torch.float64).tolist())
        least = min(steps, max(protect_first, 2) + max(protect_last, 1))
        for calls in range(least, steps + 1):
            real, _ = walk(Budget(calls, None, protect_first, protect_last, 5), sigmas)
            assert len(real) == calls
            assert set(range(protect_first)) | set(range(steps - protect_last, steps)) & set(range(steps)) <= set(real)


@pytest.mark.parametrize("longest", [1, 5])
@pytest.mark.parametrize("kappas", [[0.1] * 30, [5.0] * 30, [0.1] * 3 + [5.0] * 27, [5.0] * 4 + [0.1] * 26])
def test_a_budget_is_spent_exactly_whatever_the_curvature(kappas, longest):
    for steps, shift in itertools.product((6, 9, 20, 30), (None, 3.0, 24.0)):
        sigmas = tuple(schedule(steps, False, torch.float64).tolist()) if shift is None else shifted(steps, shift)
        for calls in range(3, steps + 1):
            assert len(walk(Budget(calls, None, None, 1, longest), sigmas, dict(enumerate(kappas)))[0]) == calls


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("kappa, openings", [(HIGH_CURVATURE - 0.01, {3: 2}), (HIGH_CURVATURE, {3: 2, 8: 4, 9: 4})])
def test_a_budget_is_the_brute_force_optimum_after_its_opening(flow, kappa, openings):
    sigmas = tuple(schedule(9, flow, torch.float64).tolist())
    for calls in range(3, 10):
        opening = openings.get(calls, 3)
        real, _ = walk(Budget(calls, None, None, 1, 100), sigmas, dict.fromkeys(range(9), kappa))
        assert real == brute_force(sigmas, naive_gap_error, opening, 1, calls, 100)[1]


@pytest.mark.parametrize("calls, smooth, stiff", [(9, 3, 4), (11, 3, 4), (12, 4, 4), (20, 4, 4)])
def test_a_stiff_first_back_test_lengthens_the_opening_of_a_budget(calls, smooth, stiff):
    for kappa, opening in ((0.1, smooth), (5.0, stiff)):
        decisions = walk(Budget(calls, None, None, 1, 5), VE20, dict.fromkeys(range(20), kappa))[1]
        assert [d.reason for d in decisions].count("warm-up") == opening


@pytest.mark.parametrize("shift, opening", [(7.0, 4), (12.0, 3), (24.0, 2), (48.0, 2)])
@pytest.mark.parametrize("kappas", [None, 0.1, 5.0])
def test_steps_in_which_nothing_moves_yet_are_no_opening(shift, opening, kappas):
    """The VE sigmas of nine flow steps are 8 shift, 3.5 shift, 2 shift, ...: those above 60 say nothing."""
    sigmas = shifted(9, shift)
    seen = {} if kappas is None else dict.fromkeys(range(9), kappas)
    stiff = kappas == 5.0
    for calls in (5, 6, 8):
        opens = min(opening, 4 if stiff and calls == 8 else 3)
        real, decisions = walk(Budget(calls, None, None, 1, 100), sigmas, seen)
        assert real == brute_force(sigmas, naive_gap_error, opens, 1, calls, 100)[1]
        assert [decision.reason for decision in decisions].count("warm-up") == opens
    noisy = walk(Budget(8, None, None, 1, 100), sigmas, seen, noisy=True)[1]
    assert [decision.reason for decision in noisy].count("warm-up") == 4


@pytest.mark.parametrize("flow", [False, True])
def test_where_the_sampler_adds_noise_a_budget_opens_as_in_a_stiff_run_and_skips_late(flow):
    sigmas = tuple(schedule(9, flow, torch.float64).tolist())
    for calls, opening in {3: 2, 4: 3, 5: 3, 7: 3, 8: 4, 9: 4}.items():
        real, _ = walk(Budget(calls, None, None, 1, 100), sigmas, dict.fromkeys(range(9), 0.1), noisy=True)
        assert real == brute_force(sigmas, naive_noisy_gap_error, opening, 1, calls, 100)[1]
    for twenty in (VE20, FLOW20):
        decisions = walk(Budget(9, None, None, 1, 5), twenty, dict.fromkeys(range(20), 0.1), noisy=True)[1]
        assert [d.reason for d in decisions].count("warm-up") == 4
        early, late = (sum(walk(Budget(12, None, None, 1, 9), twenty, noisy=n)[0]) for n in (True, False))
        assert early < late  # REAL steps come earlier


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("protect_last", [2, 3, 5, 8, 10])
@pytest.mark.parametrize("curvature", [None, 0.1, 5.0])
def test_a_protected_end_takes_its_calls_from_the_opening(flow, protect_last, curvature):
    sigmas = tuple(schedule(20, flow, torch.float64).tolist())
    seen = None if curvature is None else dict.fromkeys(range(20), curvature)
    for calls in range(2 + protect_last, 21):
        real, _ = walk(Budget(calls, None, None, protect_last, 5), sigmas, seen)
        assert len(real) == calls and real[:2] == [0, 1] and real[-protect_last:] == [*range(20 - protect_last, 20)]
    for share in (0.1, 0.5):
        policy = Budget(None, share, None, protect_last, 5)
        assert len(walk(policy, sigmas, seen)[0]) == policy.real_steps(20)


@pytest.mark.parametrize("first, later", [(0.1, 0.001), (0.1, 5.0), (5.0, 5.0), (5.0, 1.1), (5.0, 80.0)])
def test_a_later_back_test_leaves_the_plan_of_a_budget_as_it_is_unless_kappa_collapses(first, later):
    """From 5 to 1.1 is not to a fifth; a run that begins at .1 may do what it likes."""
    even = walk(Budget(9, None, None, 1, 5), VE20, dict.fromkeys(range(20), first))[0]
    kappas = {i: first if i <= 3 else later for i in range(20)}
    assert walk(Budget(9, None, None, 1, 5), VE20, kappas)[0] == even


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("later", [0.95, 0.6, 0.25, 0.01, 0.0])
@pytest.mark.parametrize("steps, calls", [(9, 7), (16, 9), (16, 11)])
def test_where_kappa_collapses_the_next_gap_of_a_budget_weighs_less(flow, later, steps, calls):
    """Each gap is the first one of the cheapest path whose first gap counts (5 kappa / geometric mean)^2 times, of at
    least 1/16; as everything stays collapsed the mean follows."""
    sigmas = tuple(schedule(steps, flow, torch.float64).tolist())
    opening = 3 if calls == 7 else 4
    kappas = {i: 5.0 if i < opening else later for i in range(steps)}
    real, _ = walk(Budget(calls, None, None, 1, 100), sigmas, kappas)

    def converted(last, end):  # from the bare law to the one that is level above 60
        bare, s = (1 - sigmas[last] if flow else 1.0), sigmas[last]
        return kappas[end] * (math.hypot(bare, s / 60) / bare) ** 2

    expected = [*range(opening)]
    while len(expected) < calls:
        known = [converted(*pair) for pair in itertools.pairwise(expected[1:])]
        before = [kappa for kappa in known[:-1] if kappa > 0]
        mean = math.exp(sum(map(math.log, before)) / len(before)) if before else None
        weight = min(max((5 * known[-1] / mean) ** 2, 1 / 16), 1.0) if mean else 1.0
        ways = []
        for rest in itertools.combinations(range(expected[-1] + 1, steps - 1), calls - 1 - len(expected)):
            path = [*expected[-2:], *rest, steps - 1]
            costs = [naive_gap_error(sigmas, *gap) ** 2 for gap in zip(path, path[1:], path[2:], strict=False)]
            ways.append((weight * costs[0] + sum(costs[1:]), path[2]))
        expected.append(min(ways)[1])
    assert real == expected


def test_a_collapse_makes_a_gap_longer_but_neither_with_noise_nor_across_a_change_of_the_model():
    plain, policy = dict.fromkeys(range(20), 5.0), Budget(9, None, None, 1, 9)
    collapsed = plain | {i: 0.01 for i in range(3, 20)}

    def next_gap(kappas, **rest):
        real = (0, 1, 2, 3)
        asked = (policy.decide(Situation(step, VE20, real, 0, None, kappas, 5.0, **rest)).skip for step in range(4, 20))
        return sum(itertools.takewhile(bool, asked))

    assert next_gap(collapsed) > next_gap(plain) > 0
    assert next_gap(collapsed, noisy=True) == next_gap(plain, noisy=True)
    assert next_gap(collapsed, model_since=2) == next_gap(plain, model_since=2)
    other = Budget(9, None, 4, 1, 9).decide(Situation(4, VE20, (0, 1, 2, 3), 0, None, {}, None))
    assert other == Budget(9, None, 4, 1, 9).decide(Situation(4, VE20, (0, 1, 2, 3), 0, None, plain, 5.0))


class Watching(Policy):
    """Never skips; keeps what it was told of the run's curvature."""

    def __init__(self):
        self.told = []

    def decide(self, situation):
        self.told.append((situation.first_curvature, dict(situation.curvatures)))
        return Decision(False, "watching")


@pytest.mark.parametrize("flow", [False, True])
def test_the_first_curvature_is_the_mean_of_the_batch_at_the_first_back_test(flow):
    def told(x):
        policy = Watching()
        wrapped = SkippingDenoiser(
            problem(flow), schedule(9, flow), dataclasses.replace(Config.parse("calls:9"), policy=policy)
        )
        SOLVERS["euler"](wrapped, x, schedule(9, flow))
        return policy.told

    x = noise((4, 5, 3), flow)
    together, alone = told(x), [told(x[i : i + 1]) for i in range(4)]
    first = [run[3][0] for run in alone]
    assert [stiffness for stiffness, _ in together[:3]] == [None] * 3 and first == [run[3][1][2] for run in alone]
    assert together[3][0] == pytest.approx(sum(first) / 4, rel=1e-4) and together[3][0] < together[3][1][2]
    assert all(stiffness == together[3][0] for stiffness, _ in together[3:])


@pytest.mark.parametrize("calls", [0, 3])
def test_an_impossible_number_of_calls_is_refused(calls):
    with pytest.raises(
        ValueError, match=rf"^calls:{calls} in a run of 20 steps; expected 4 \(the protected steps\) or more$"
    ):
        Budget(calls, None, 3, 1, 5).check(20)


def test_steps_at_which_the_model_changes_count_among_those_that_take_a_call():
    Budget(7, None, None, 1, 5).check(20, {8, 15})
    with pytest.raises(ValueError, match="expected 7 .the protected steps and those where the model changes. or more"):
        Budget(6, None, None, 1, 5).check(20, {8, 15})
    assert Budget(None, 0.1, None, 1, 5).real_steps(20, {8, 15}) == 7


@pytest.mark.parametrize("steps", [1, 2, 8, 12, 13])
def test_a_run_of_fewer_steps_than_calls_makes_every_call_and_says_so(steps):
    """A mode for the first pass, met by a shorter second one."""
    for protect_first, protect_last in ((None, None), (6, 6)):
        _, report = sample(
            SOLVERS["euler"],
            problem(),
            noise(),
            schedule(steps),
            "calls:12",
            protect_first=protect_first,
            protect_last=protect_last,
        )
        assert report.calls == min(steps, 12) and report.evaluations == steps
        said = f"fewer steps ({steps}) than the 12 calls asked for: every call was made"
        assert [*map(str, report.notes)] == ([said] if steps < 12 else [])


def test_a_percentage_is_rounded_and_never_below_the_protected_steps():
    counts = {
        share: sample(SOLVERS["euler"], problem(), noise(), schedule(20), f"calls:{share}%")[1].calls
        for share in (1, 45, 50, 63, 100)
    }
    assert counts == {1: 3, 45: 9, 50: 10, 63: 13, 100: 20}


def even_kappa(sigmas, kappa, noisy):
    """What back-tests show, by the steep law, where kappa is even by the one that levels off."""

    def seen(before, _end):
        steep, level = (lambda_slope_squared(sigmas[before], sigmas[0] <= 1, above) for above in (None, UNDECIDED))
        return kappa if noisy else kappa * level / steep

    return seen


TOLERANCES = [0.0002 * 2**i for i in range(12)]


@pytest.mark.parametrize("sigmas", [VE20, FLOW20], ids=["ve", "flow"])
@pytest.mark.parametrize("kappa", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("trend", ["even", "falling", "rising"])
def test_a_smaller_tolerance_never_makes_fewer_calls(sigmas, kappa, trend):
    kappas = {i: kappa * {"even": 1, "falling": 0.9**i, "rising": 1.05**i}[trend] for i in range(20)}
    counts = []
    for tolerance in TOLERANCES:
        real, decisions = walk(ErrorControl(tolerance, 3, 1, 5), sigmas, kappas)
        counts.append(len(real))
        assert real[:3] == [0, 1, 2] and real[-1] == 19
        assert max(b - a for a, b in itertools.pairwise(real)) <= 6
        for decision in decisions:
            if decision.skip:
                if decision.estimate <= tolerance:
                    assert decision.reason == f"within tolerance: {decision.estimate:.3g} of {tolerance:g}"
                else:  # a rising kappa made past gaps dearer than planned
                    assert trend == "rising" and decision.estimate <= 1.2 * tolerance
                    assert decision.reason == f"within reserve: {decision.estimate:.3g} of {tolerance:g}"
                assert decision.estimate > 0
    assert all(a >= b for a, b in itertools.pairwise(counts)), counts
    assert counts[0] > counts[-1]


@pytest.mark.parametrize("sigmas", [VE20, FLOW20], ids=["ve", "flow"])
def test_a_bill_that_ran_over_leaves_the_rest_of_the_run_a_reserve(sigmas):
    kappas = {i: 5.0 if 5 <= i <= 8 else 0.001 for i in range(20)}  # a surprise at the end of the first gap
    _, decisions = walk(ErrorControl(0.05, 3, 1, 5), sigmas, kappas)
    late = [decision for decision in decisions[12:] if decision.skip]
    assert late and all(d.estimate > 0.05 and d.reason.startswith("within reserve: ") for d in late)


@pytest.mark.parametrize(
    "sigmas, noisy, share",
    [
        (VE20, False, "ve"),
        (FLOW20, False, "flow"),
        (VE20, True, "noisy"),
        (FLOW20, True, "noisy"),
    ],
)
def test_at_an_even_kappa_the_fewest_calls_are_taken_that_brute_force_finds(sigmas, noisy, share):
    sigmas, kappa = tuple(schedule(9, sigmas is FLOW20, torch.float64).tolist()), 0.05
    for tolerance in TOLERANCES:
        real, _ = walk(ErrorControl(tolerance, 3, 1, 9), sigmas, even_kappa(sigmas, kappa, noisy), noisy)
        for calls in range(4, 10):
            cost, best = brute_force(sigmas, ESTIMATED[noisy], 3, 1, calls, 9)
            if FINAL_SHARE[share] * kappa * math.sqrt(cost) <= tolerance:
                assert real == best
                break


def test_no_skip_before_a_back_test_of_three_real_steps():
    for known in ({}, {1: 0.1}, {0: 0.1, 1: 0.1}):
        decision = ErrorControl(0.01, 0, 1, 5).decide(Situation(2, VE20, (0, 1), 0, None, known))
        assert decision == Decision(False, "warm-up")


def test_an_infinite_kappa_makes_every_step_real():
    real, decisions = walk(ErrorControl(0.01, 3, 1, 5), VE20, dict.fromkeys(range(20), math.inf))
    assert real == list(range(20))


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("mode", ["auto:0.1", "calls:10", "calls:40%"])
@pytest.mark.parametrize("protect_first", [0, 3])
@pytest.mark.parametrize("solver", [heun, leaping])
def test_unusual_samplers_keep_the_windows(solver, flow, mode, protect_first):
    """Heun shares sigmas between steps; a sampler that leaves steps out must not skip to the end of the run."""
    model, x, sigmas = problem(flow), noise(flow=flow), schedule(20, flow)
    result, report = sample(solver, model, x, sigmas, mode, protect_first=protect_first, protect_last=3)
    kinds = [(record.step, record.kind) for record in report.records]
    assert result.isfinite().all() and all(kind == "REAL" for step, kind in kinds if step < 2 or step >= 17)
    if solver is heun:
        assert "S" in report.sequence
        for step in range(20):
            assert len({kind for s, kind in kinds if s == step}) == 1


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m"])
def test_an_estimate_holds_where_the_schedule_begins_with_tiny_steps_near_pure_noise(name):
    """As ComfyUI's linear_quadratic: an answer that hardly moves there says little of how much it will bend later."""
    tiny, long = (
        [1 - 0.0025 * i for i in range(11)],
        [0.963, 0.932, 0.882, 0.813, 0.725, 0.618, 0.492, 0.347, 0.183, 0.0],
    )
    sigmas, x = torch.tensor(tiny + long, dtype=torch.float64), noise((8, 3), True, dtype=torch.float64)
    full, predicted = (sample(SOLVERS[name], problem(True), x, sigmas, mode) for mode in ("off", "auto:0.02"))
    error = (predicted[0] - full[0]).norm(dim=1) / full[0].norm(dim=1)
    assert error.max() <= 0.02 and predicted[1].calls < 15
