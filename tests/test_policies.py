"""Who may skip: the paper's sequences from its rules, explicit indices, and the adaptive gate computed by hand."""

import math

import pytest
import torch
from comfyui_fsampler.fsampler import Config, sample
from comfyui_fsampler.fsampler.paper import AdaptiveGate
from comfyui_fsampler.fsampler.policies import Decision, Guarded, Situation
from comfyui_fsampler.samplers import SOLVERS
from toys import Counted, noise, problem, schedule, skips

# Written by hand: first cycle at max(protect_first 2, N), K REAL calls, one SKIP, again; never the last step.
PAPER = {
    "h2/s2": {
        20: [4, 7, 10, 13, 16],
        25: [4, 7, 10, 13, 16, 19, 22],
        30: [4, 7, 10, 13, 16, 19, 22, 25, 28],
    },
    "h2/s3": {20: [5, 9, 13, 17], 25: [5, 9, 13, 17, 21], 30: [5, 9, 13, 17, 21, 25]},
    "h2/s4": {20: [6, 11, 16], 25: [6, 11, 16, 21], 30: [6, 11, 16, 21, 26]},
    "h2/s5": {20: [7, 13], 25: [7, 13, 19], 30: [7, 13, 19, 25]},
    "h3/s3": {20: [6, 10, 14, 18], 25: [6, 10, 14, 18, 22], 30: [6, 10, 14, 18, 22, 26]},
    "h3/s4": {20: [7, 12, 17], 25: [7, 12, 17, 22], 30: [7, 12, 17, 22, 27]},
    "h3/s5": {20: [8, 14], 25: [8, 14, 20], 30: [8, 14, 20, 26]},
    "h4/s4": {20: [8, 13, 18], 25: [8, 13, 18, 23], 30: [8, 13, 18, 23, 28]},
    "h4/s5": {20: [9, 15], 25: [9, 15, 21], 30: [9, 15, 21, 27]},
}
# Calls in the paper's own tables: FLUX.1-dev at 20 steps (paper_experiments_flux.csv), Qwen-Image (..._qwen.csv), whose
# runs make 25 calls when nothing is skipped. Order of the modes as above.
FLUX_CALLS = (20, [15, 16, 17, 18, 16, 17, 18, 17, 18])
QWEN_CALLS = (25, [18, 20, 21, 22, 20, 21, 22, 21, 22])


@pytest.mark.parametrize("steps", [20, 25, 30])
@pytest.mark.parametrize("mode", PAPER)
@pytest.mark.parametrize("solver, per_step", [("euler", 1), ("res_2s", 2)])
def test_the_papers_sequences(solver, per_step, mode, steps):
    model, sigmas = Counted(problem(True)), schedule(steps, True)  # flow, as the paper's models
    _, report = sample(SOLVERS[solver], model, noise(flow=True), sigmas, mode, protect_first=2, protect_last=1)
    assert skips(report) == PAPER[mode][steps]
    assert len(report.sequence) == steps
    assert len(model.sigmas) == report.calls == per_step * (steps - len(PAPER[mode][steps])) - (per_step == 2)
    if per_step == 1:
        kept = [s for i, s in enumerate(sigmas[:-1].tolist()) if i not in PAPER[mode][steps]]
        assert model.sigmas == kept  # the model was really not called elsewhere


@pytest.mark.parametrize("steps, calls", [FLUX_CALLS, QWEN_CALLS])
def test_the_papers_number_of_calls(steps, calls):
    for mode, expected in zip(PAPER, calls, strict=True):
        assert run(mode, steps).calls == expected, mode


def run(mode, steps=12, solver="euler", **options):
    return sample(SOLVERS[solver], problem(True), noise(flow=True), schedule(steps, True), mode, **options)[1]


def test_protected_windows_cut_the_cadence():
    assert skips(run("h2/s2", 20, protect_first=5, protect_last=4)) == [7, 10, 13]
    assert skips(run("h2/s2", 20, protect_first=0, protect_last=0)) == [4, 7, 10, 13, 16, 19]
    assert run("h2/s2", protect_first=5).records[4].reason == "protected first"
    assert run("h2/s2", protect_last=3).records[10].reason == "protected last"


@pytest.mark.parametrize(
    "mode, expected",
    [
        ("h2, 3, 4, 7", [3, 4, 7]),
        ("3 6 8", [3, 6, 8]),
        ("h3,11", [11]),
        ("2, 3, 4, 5, 6, 7, 8, 9, 10, 11", [*range(2, 12)]),
        ("h4 2 4 6", [2, 4, 6]),
        ("0, 1, 2", [2]),
        ("h2, 0", []),
        ("h2, 8, 3, 3", [3, 8]),
    ],
)
def test_explicit_indices_override_the_windows_but_not_steps_0_and_1(mode, expected):
    assert skips(run(mode, protect_first=5, protect_last=5, max_consecutive_skips=1)) == expected


def test_indices_beyond_the_run_are_named_and_the_rest_is_skipped():
    assert skips(run("h2, 11")) == [11] and run("h2, 11").notes == []
    report = run("h2, 3, 12, 40")
    assert skips(report) == [3] and [*map(str, report.notes)] == ["listed beyond the run's last step (11): 12, 40"]
    assert run("h2, 40").calls == 12


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_first_token_picks_the_predictor(order):
    """On denoised = x + 3 + sin(step), a skipped residual must be the paper's combination of those before it."""
    sigmas = schedule(12, dtype=torch.float64)
    values = {round(float(s), 9): math.sin(i) for i, s in enumerate(sigmas)}
    seen = []
    sample(
        SOLVERS["euler"],
        lambda x, s: x + 3 + values[round(float(s[0]), 9)],
        noise(dtype=torch.float64),
        sigmas,
        f"h{order} 6",
        callback=seen.append,
    )
    coefficients = {2: (2, -1), 3: (3, -3, 1), 4: (4, -6, 4, -1)}[order]
    expected = sum(c * (3 + math.sin(5 - i)) for i, c in enumerate(coefficients))
    assert float((seen[6]["denoised"] - seen[6]["x"])[0, 0]) == pytest.approx(expected, abs=1e-6)


def test_the_ladder_in_a_run_falls_back_to_h2_with_two_values():
    sigmas = schedule(12, dtype=torch.float64)
    steps = {round(float(s), 9): i for i, s in enumerate(sigmas)}
    model = lambda x, s: x + (1.0 + steps[round(float(s[0]), 9)] ** 2)  # noqa: E731
    seen = []
    sample(SOLVERS["euler"], model, noise(dtype=torch.float64), sigmas, "h4, 2, 4", callback=seen.append)
    residual = [float((step["denoised"] - step["x"])[0, 0]) for step in seen]
    assert residual[2] == pytest.approx(2 * 2 - 1, abs=1e-6)  # h2 of 1, 2
    assert residual[4] == pytest.approx(3 * 10 - 3 * 2 + 1, abs=1e-6)  # h3 of 1, 2, 10: step 2 was no REAL value


# ---- adaptive


def by_hand(model, x, sigmas, anchor_interval, cap, threshold=0.10, first=2, last=1):
    """The paper's adaptive mode over Euler, one sample, straight from its definition; returns decisions and gates."""
    steps, history, in_row, letters, gates = len(sigmas) - 1, [], 0, "", []
    rms = lambda a: float(a.pow(2).mean().sqrt())  # noqa: E731
    for i in range(steps):
        s, following = float(sigmas[i]), float(sigmas[i + 1])
        advance = lambda denoised, x=x, s=s, following=following: x + (x - denoised) / s * (following - s)  # noqa: E731
        gate = None
        if len(history) >= 3:
            h3 = x + (3 * history[-1] - 3 * history[-2] + history[-3])
            h2 = x + (2 * history[-1] - history[-2])
            gate = rms(advance(h3) - advance(h2)) / max(rms(advance(h3)), 1e-6)
            size = float((h3 - x).norm() / history[-1].norm())  # what the validators look at
        free = (
            first <= i < steps - last and in_row < cap and not (anchor_interval and (i - first) % anchor_interval == 0)
        )
        skip = free and gate is not None and gate <= threshold and 1e-6 <= size <= 50
        gates.append(gate)
        letters += "S" if skip else "R"
        in_row = in_row + 1 if skip else 0
        denoised = h3 if skip else model(x, torch.full((1,), s, dtype=x.dtype))
        if not skip:
            history.append(denoised - x)
        x = advance(denoised)
    return letters, gates, x


@pytest.mark.parametrize("anchor_interval, cap", [(4, 2), (3, 2), (0, 3), (5, 9), (0, 100), (1, 2)])
@pytest.mark.parametrize("flow", [False, True])
def test_adaptive_decides_as_computed_by_hand(flow, anchor_interval, cap):
    model, sigmas, x = (
        problem(flow, torch.float64),
        schedule(20, flow, torch.float64),
        noise((1, 3), flow, dtype=torch.float64),
    )
    letters, gates, end = by_hand(model, x, sigmas, anchor_interval, cap)
    result, report = sample(
        SOLVERS["euler"], model, x, sigmas, "adaptive", anchor_interval=anchor_interval, max_consecutive_skips=cap
    )
    assert report.sequence == letters
    torch.testing.assert_close(result, end, rtol=1e-5, atol=1e-5)
    compared = 0
    for record, gate in zip(report.records, gates, strict=True):
        if record.estimate is not None:  # None also where the validators spoke last
            assert record.estimate == pytest.approx(gate, rel=1e-3, abs=2e-6)
            assert record.reason == f"{'within' if gate <= 0.1 else 'over'} gate: {record.estimate:.3f} of 0.1"
            compared += 1
    assert compared >= (0 if anchor_interval == 1 else 5)
    reasons = [record.reason for record in report.records]
    assert reasons[:2] == ["protected first"] * 2 and reasons[-1] == "protected last"
    for i in range(2, 19):
        if reasons[i] == "anchor":
            assert anchor_interval and (i - 2) % anchor_interval == 0
        if reasons[i] == "cap":
            assert letters[i - cap : i] == "S" * cap
    if (anchor_interval, cap, flow) == (4, 2, False):  # every outcome occurred
        assert "S" in letters and any("over gate" in r for r in reasons)


def test_the_gate_follows_the_worst_sample_of_a_batch():
    calm, wild = noise((1, 3), dtype=torch.float64), noise((1, 3), seed=5, dtype=torch.float64) * 0.1
    model, sigmas = problem(dtype=torch.float64), schedule(20, dtype=torch.float64)
    gates = []
    for x in (calm, wild, torch.cat([calm, wild])):
        report = sample(SOLVERS["euler"], model, x, sigmas, "adaptive", anchor_interval=0)[1]
        gates.append(report.records[3].estimate)
    assert gates[2] == pytest.approx(max(gates[:2]), rel=1e-5) and gates[0] != pytest.approx(gates[1], rel=1e-3)


def situation(step, gate=0.0, skips_in_row=0, steps=20):
    return Situation(step, tuple(float(s) for s in schedule(steps)), tuple(range(step)), skips_in_row, gate)


def test_the_gates_threshold_is_inclusive_and_needs_three_values():
    gate = AdaptiveGate(2, 4)
    assert gate.decide(situation(3, 0.10)) == Decision(True, "within gate: 0.100 of 0.1", 0.10)
    assert not gate.decide(situation(3, 0.1001)).skip
    assert gate.decide(situation(3, None)) == Decision(False, "history below 3")
    assert not gate.decide(situation(3, math.nan)).skip
    assert [step for step in range(20) if gate.decide(situation(step)).reason == "anchor"] == [2, 6, 10, 14, 18]


def test_the_guards():
    guard = Guarded(AdaptiveGate(2, 0), 2, 3, 2)
    assert [step for step in range(20) if guard.decide(situation(step)).skip] == list(range(2, 17))
    assert guard.decide(situation(5, skips_in_row=2)) == Decision(False, "cap")
    assert guard.decide(situation(5, skips_in_row=1)).skip


@pytest.mark.parametrize("mode", ["off", "h2/s2", "3, 4", "adaptive", "auto", "calls:12"])
def test_policies_are_frozen_and_hashable(mode):
    policy = Config.parse(mode).policy
    assert hash(policy) == hash(Config.parse(mode).policy)
    with pytest.raises(AttributeError):
        policy.protect_first = 0
