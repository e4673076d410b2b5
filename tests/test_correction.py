"""The correction: its sum written as a loop, and runs it must bring back onto the full run."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config, sample
from comfyui_fsampler.fsampler.correction import DeferredCorrection, OpenGap, value_shift
from comfyui_fsampler.fsampler.denoiser import SkippingDenoiser
from comfyui_fsampler.fsampler.history import Entry
from comfyui_fsampler.fsampler.parameterization import PARAMETERIZATIONS, encode
from comfyui_fsampler.fsampler.response import EulerResponse
from comfyui_fsampler.samplers import SOLVERS
from toys import noise, problem, schedule, skips

EULER = SOLVERS["euler"]


def naive_delta(space, sigmas, used, before, value):
    """sum_j -(1 - s_{j+1}/s_j) s_j (E_j - e_j) s_b/s_{j+1}; a quantity other than epsilon moves x by (1 - r_j) instead.

    sigmas: of the REAL step before, the skipped ones, the REAL one after; used: one value for each skipped step.
    """
    a, *skipped, b = sigmas
    total = torch.zeros_like(value)
    for sigma, following, e in zip(skipped, [*skipped[1:], b], used, strict=True):
        share = (a - sigma) / (a - b)
        interpolated = (1 - share) * before + share * value
        moved = -sigma if space == "epsilon" else 1.0
        total += (1 - following / sigma) * moved * (interpolated - e) * b / following
    return total


@pytest.mark.parametrize("space", PARAMETERIZATIONS)
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_three_sums_equal_the_loop(space, length):
    values = torch.randn(length + 2, 2, 3, generator=torch.Generator().manual_seed(length), dtype=torch.float64)
    sigmas = [9.0, 7.5, 7.0, 4.0, 3.9, 2.0, 1.1][: length + 2]
    before, *used, value = values
    gap = OpenGap()
    for e, sigma, following in zip(used, sigmas[1:-1], sigmas[2:], strict=True):
        gap = gap.add(space, e, sigma, EulerResponse().effect(0, sigma, following))
    delta = gap.delta(Entry(sigmas[0], before), value, sigmas[-1])
    torch.testing.assert_close(delta, naive_delta(space, sigmas, used, before, value), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("space", PARAMETERIZATIONS)
def test_a_gap_that_used_the_interpolation_needs_no_correction(space):
    a, b = torch.randn(2, 1, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gap = OpenGap()
    for sigma, following in ((4.0, 3.0), (3.0, 2.0)):
        gap = gap.add(space, a + (5.0 - sigma) / 3 * (b - a), sigma, EulerResponse().effect(0, sigma, following))
    delta = gap.delta(Entry(5.0, a), b, 2.0)
    torch.testing.assert_close(delta, torch.zeros_like(delta), atol=1e-13, rtol=0)


@pytest.mark.parametrize("sigma, following", [(5.0, 4.0), (1.0, 0.9), (0.3, 0.01)])
def test_a_landing_takes_euler_where_the_corrected_state_would_go(sigma, following):
    x, denoised, delta = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ratio, landing = following / sigma, DeferredCorrection(delta, 7, EulerResponse().correction(7, sigma, following))
    torch.testing.assert_close(
        ratio * x + (1 - ratio) * landing.applied(denoised, 7),
        ratio * (x + delta) + (1 - ratio) * denoised,
    )


def test_a_landing_gives_each_answer_its_share_and_then_nothing_is_left_of_it():
    denoised, landing = torch.zeros(1, 2), DeferredCorrection(torch.ones(1, 2), 3, (5.0, 2.0))
    assert [landing.applied(denoised, i)[0, 0].item() for i in (3, 4, 5)] == [5, 2, 0]
    assert landing.applied(denoised, 5) is denoised and denoised.sum() == 0
    assert landing.after(3) is landing and landing.after(4) == DeferredCorrection() and landing.after(4).delta is None


def test_the_last_step_is_left_alone():
    """Steps 7 and 8 of 10 skipped: the REAL one after them is the last."""
    model, sigmas, seen = problem(), schedule(10), []
    sample(EULER, model, noise((2, 3)), sigmas, "7, 8", correct=True, callback=seen.append)
    last = seen[-1]
    assert torch.equal(last["denoised"], model(last["x"], sigmas[9].expand(2)))


def states(mode, model, sigmas, x, **options):
    seen = []
    last, report = sample(EULER, model, x, sigmas, mode, callback=lambda step: seen.append(step["x"]), **options)
    return torch.stack([*seen, last]), report


OPTIONS = dict(nodes="sigma", stabilizer="none")


@pytest.mark.parametrize("gap", [[4], [4, 5], [4, 5, 6]])
@pytest.mark.parametrize("flow", [False, True])
def test_it_is_exact_where_denoised_is_linear_across_the_gap(gap, flow):
    """The straight line bends at the REAL step before the gap: extrapolation misses, interpolation does not."""
    sigmas = schedule(10, flow, torch.float64)
    corner = float(sigmas[gap[0] - 1])
    model = lambda x, sigma: (1 + 0.5 * sigma + 3 * (corner - sigma).clamp_min(0))[:, None].expand_as(x)  # noqa: E731
    x = noise((2, 3), flow, dtype=torch.float64)
    full, _ = states("off", model, sigmas, x)
    text = ", ".join(["h2", *map(str, gap)])
    fixed, report = states(text, model, sigmas, x, space="denoised", correct=True, **OPTIONS)
    bare, _ = states(text, model, sigmas, x, space="denoised", correct=False, **OPTIONS)
    assert skips(report) == gap
    end = gap[-1] + 1
    scale = float(full.abs().max())
    assert (bare[end:-1] - full[end:-1]).abs().amax(dim=(1, 2)).min() > 1e-3  # never made good by itself
    assert (fixed[end + 1 :] - full[end + 1 :]).abs().max() < 1e-6 * scale  # float32 sigmas inside
    assert torch.equal(fixed[: end + 1], bare[: end + 1])  # the correction arrives with the REAL step, not before


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("gap", [[6], [6, 7]])
def test_it_removes_most_of_the_error_where_epsilon_is_quadratic(gap, flow):
    sigmas = schedule(20, flow, torch.float64)
    top = float(sigmas[0])
    model = lambda x, sigma: x - (sigma * (1 + 2 * (sigma / top) ** 2))[:, None]  # noqa: E731
    x, text = noise((2, 3), flow, dtype=torch.float64), ", ".join(["h2", *map(str, gap)])
    full, _ = states("off", model, sigmas, x)
    runs = {c: states(text, model, sigmas, x, space="epsilon", correct=c, **OPTIONS)[0] for c in (True, False)}
    after = gap[-1] + 2
    error = {c: float((run[after] - full[after]).abs().max()) for c, run in runs.items()}
    assert 0 < error[True] < 0.6 * error[False]  # the error is carried on at fixed denoised, which this model is not


@pytest.mark.parametrize("space", PARAMETERIZATIONS)
def test_a_run_hands_the_solver_exactly_the_landed_denoised(space):
    """The denoised of the REAL step after the gap, from formulas written out here."""
    model, sigmas = problem(dtype=torch.float64), schedule(10, dtype=torch.float64)
    x = noise((2, 3), dtype=torch.float64)
    seen = []
    sample(EULER, model, x, sigmas, "4, 5", space=space, correct=True, callback=seen.append, **OPTIONS)
    value = [encode(space, step["denoised"], step["x"], s) for step, s in zip(seen, sigmas.tolist(), strict=False)]
    s, state = sigmas.tolist(), seen[6]["x"]
    real = model(state, torch.full((2,), s[6], dtype=torch.float64))
    delta = naive_delta(space, s[3:7], value[4:6], value[3], encode(space, real, state, s[6]))
    ratio = s[7] / s[6]
    torch.testing.assert_close(seen[6]["denoised"], real + delta * ratio / (1 - ratio), rtol=1e-5, atol=1e-6)
    assert (seen[6]["denoised"] - real).abs().max() > 1e-3
    # history remembers the corrected state: step 8 (REAL) makes no difference, so look at a skip after it
    again = []
    sample(EULER, model, x, sigmas, "4, 5, 7", space=space, correct=True, callback=again.append, **OPTIONS)
    first, second = value[3], encode(space, real + 0.6 * delta, state + delta, s[6])  # no trend learned: alpha 1
    slope = (second - first) / (s[6] - s[3])
    predicted = second + slope * (s[7] - s[6])
    used = encode(space, again[7]["denoised"], again[7]["x"], s[7])
    torch.testing.assert_close(used, predicted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("space", PARAMETERIZATIONS)
@pytest.mark.parametrize("alpha", [None, 0.0, 0.4, 1.2])
def test_denoised_follows_the_correction_as_far_as_trends_come_true(space, alpha):
    x, real, delta = (noise((2, 3), dtype=torch.float64) * k for k in (3.0, 1.0, 0.1))
    learned = None if alpha is None else torch.full((2, 1), alpha, dtype=torch.float64)
    moved = real + (0.6 if alpha is None else alpha - 0.4) * delta
    value = encode(space, real, x, 1.7) + value_shift(space, delta, 1.7, learned) * delta
    torch.testing.assert_close(value, encode(space, moved, x + delta, 1.7))
    if learned is not None:  # a predictor from outside may say a plain number
        torch.testing.assert_close(
            value_shift(space, delta, 1.7, alpha).expand(2, 1), value_shift(space, delta, 1.7, learned)
        )


def test_a_run_follows_with_the_trend_it_has_learned():
    """Each sample with its own alpha: the skip after a corrected gap, from formulas written out here."""
    model, sigmas, x = problem(dtype=torch.float64), schedule(10, dtype=torch.float64), noise(dtype=torch.float64)
    seen, learned = [], []
    watch = lambda now: (seen.append(now), learned.append(run.known.forecaster.predictor.trend_gain))  # noqa: E731
    options = dict(space="epsilon", nodes="sigma", stabilizer="trend", correct=True)
    run = SkippingDenoiser(model, sigmas, Config.parse("4, 5, 7", **options))
    EULER(run, x, sigmas, callback=watch)
    s, alpha = sigmas.tolist(), learned[6]
    value = [encode("epsilon", step["denoised"], step["x"], at) for step, at in zip(seen, s, strict=False)]
    real = model(seen[6]["x"], sigmas[6].expand(len(x)))
    delta = naive_delta("epsilon", s[3:7], value[4:6], value[3], encode("epsilon", real, seen[6]["x"], s[6]))
    assert (alpha - 1).abs().min() > 5e-4  # the trend has something to say
    newest = encode("epsilon", real + (alpha - 0.4) * delta, seen[6]["x"] + delta, s[6])
    predicted = newest + alpha * (newest - value[3]) / (s[6] - s[3]) * (s[7] - s[6])
    torch.testing.assert_close(value[7], predicted, rtol=1e-4, atol=1e-5)


def test_no_correction_at_the_last_step():
    model, sigmas, x = problem(dtype=torch.float64), schedule(8, dtype=torch.float64), noise(dtype=torch.float64)
    seen = []
    result, report = sample(
        EULER, model, x, sigmas, "5, 6", correct=True, space="epsilon", callback=seen.append, **OPTIONS
    )
    assert report.sequence == "RRRRRSSR"
    real = model(seen[-1]["x"], sigmas[-2].expand(2))
    assert torch.equal(seen[-1]["denoised"], real) and torch.equal(result, real)


def test_a_run_that_stops_above_zero_is_corrected_at_its_last_step_too():
    """An advanced KSampler that leaves noise in: the last step has a ratio, so it can land."""
    model, sigmas, x = problem(dtype=torch.float64), schedule(9, dtype=torch.float64)[:8], noise(dtype=torch.float64)
    run = lambda mode, **o: sample(EULER, model, x, sigmas, mode, **o)[0]  # noqa: E731
    full = run("off")
    error = {c: (run("4, 5", space="epsilon", correct=c, **OPTIONS) - full).norm() for c in (True, False)}
    assert error[True] < 0.7 * error[False]
