"""The denoiser: off is nothing at all, a step is of one kind, samples do not mix, bad input stops it, nothing stays."""

import gc
import inspect
import itertools
import math
import weakref

import pytest
import torch
from comfyui_fsampler.fsampler import Config, SkippingDenoiser, begin, paper, sample
from comfyui_fsampler.fsampler.forecast import Forecaster
from comfyui_fsampler.fsampler.noise import GAIN
from comfyui_fsampler.fsampler.planner import Planner
from comfyui_fsampler.fsampler.policies import Decision, Policy
from comfyui_fsampler.fsampler.response import probe
from comfyui_fsampler.fsampler.schedule import Windows, check_schedule
from comfyui_fsampler.samplers import SOLVERS
from fsampler_research.benchmarks.cost import Guided, peak_latents
from toys import Counted, heun, heunpp2, noise, problem, schedule, skips

MODES = ["h2/s2", "h4/s4", "h3, 4, 5, 8", "adaptive", "auto:0.05", "calls:9"]
TWO_STAGE = ["dpmpp_2s", "res_2s"]


# ---- off, and runs without a skip


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("name", sorted(SOLVERS))
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_off_is_the_bare_solver_to_the_last_bit(name, flow, dtype):
    x, sigmas = noise(flow=flow, dtype=dtype), schedule(12, flow)
    model = problem(flow, dtype)
    counted = Counted(model)
    result, report = sample(SOLVERS[name], counted, x, sigmas, "off")
    assert torch.equal(result, SOLVERS[name](model, x, sigmas))
    assert report.calls == report.evaluations == len(counted.sigmas) and set(report.sequence) == {"R"}
    assert {record.reason for record in report.records} == {"off"} and not report.notes


@pytest.mark.parametrize("mode", ["off", "h2/s2", "auto"])
def test_the_model_gets_the_samplers_own_x_and_sigma_and_its_answer_goes_back_as_it_is(mode):
    seen, answers = [], []

    def model(x, sigma, **extra):
        seen.append((x, sigma, extra))
        answers.append(x / 2)
        return answers[-1]

    wrapped = begin(model, schedule(6), Config.parse(mode))
    x, sigma = noise(), schedule(6)[:1].expand(2)
    result = wrapped(x, sigma, cond=3)
    assert seen[0][0] is x and seen[0][1] is sigma and seen[0][2] == {"cond": 3} and result is answers[0]


@pytest.mark.parametrize("name", ["euler", "res_2s"])
def test_a_trend_reaches_as_far_as_the_last_two_real_steps_are_apart(name, monkeypatch):
    told, forecast = [], Forecaster.forecast

    def spy(self, query):
        told.append((float(query.sigma), self.history.previous_step))
        return forecast(self, query)

    monkeypatch.setattr(Forecaster, "forecast", spy)
    sigmas = schedule(12)
    _, report = sample(SOLVERS[name], problem(), noise(), sigmas, "calls:7")
    assert len(told) == report.evaluations and "S" in report.sequence
    for record, (sigma, before) in zip(report.records, told, strict=True):
        real = sorted({r.step for r in report.records if r.kind == "REAL" and r.sigma > sigma})
        assert before == (float(sigmas[real[-2]]) if len(real) > 1 else None), record


def test_off_keeps_no_x():
    x = noise()
    wrapped = begin(lambda x, sigma: x / 2, schedule(6), Config.parse("off"))
    kept = weakref.ref(x)
    wrapped(x, schedule(6)[:1])
    del x
    assert kept() is None


@pytest.mark.parametrize("name", sorted(SOLVERS))
@pytest.mark.parametrize("mode", ["calls:100%", "0, 1", "h2/s50", "auto:1e-12"])
def test_a_run_that_skips_nothing_is_the_bare_solver_too(name, mode):
    x, sigmas = noise(), schedule(12)
    result, report = sample(SOLVERS[name], problem(), x, sigmas, mode)
    assert skips(report) == [] and torch.equal(result, SOLVERS[name](problem(), x, sigmas))


# ---- what a skip uses: our own predictor, by hand


def test_epsilon_against_sigma_with_the_learned_trend_by_hand():
    """Steps 4 and 6 skipped: alpha from the back-tests at 2, 3 and 5 only, each with its decay."""
    model, sigmas, x = (
        problem(dtype=torch.float64),
        schedule(10, dtype=torch.float64),
        noise((1, 3), dtype=torch.float64),
    )
    seen = []
    sample(
        SOLVERS["euler"],
        model,
        x,
        sigmas,
        "4, 6",
        space="epsilon",
        nodes="sigma",
        stabilizer="trend",
        callback=seen.append,
    )
    s, alpha, known, checked = sigmas.tolist(), None, [], []
    for i in range(8):
        e = (seen[i]["x"] - seen[i]["denoised"]) / s[i]
        if len(known) >= 2:
            (s0, e0), (s1, e1) = known[-2:]
            trend = (e1 - e0) / (s1 - s0) * (s[i] - s1)
            if i in (4, 6):
                expected = e1 + (1 if alpha is None else alpha) * trend
                torch.testing.assert_close(e, expected, rtol=1e-4, atol=1e-6)
                checked.append(float(alpha))
            else:
                new = min(max(float(((e - e1) * trend).sum() / (trend * trend).sum()), 0), 1.2)
                alpha = new if alpha is None else (alpha + new) / 2
        if i not in (4, 6):
            known.append((s[i], e))
    assert len(checked) == 2 and all(abs(a - 1) > 1e-3 for a in checked)


@pytest.mark.parametrize("stabilizer", ["learning", "gradient", "learning+gradient"])
@pytest.mark.parametrize("space", ["residual", "denoised"])
def test_the_papers_stabilizers_in_a_run_by_hand(space, stabilizer):
    """h2/s3 at 12 steps: skips at 5 and 9; L learns on REAL steps that have three values of history."""
    model, sigmas, x = (
        problem(True, torch.float64),
        schedule(12, True, torch.float64),
        noise((1, 3), True, dtype=torch.float64),
    )
    seen, beta, gamma = [], 0.7, 1.5
    sample(
        SOLVERS["euler"],
        model,
        x,
        sigmas,
        "h2/s3",
        space=space,
        stabilizer=stabilizer,
        beta=beta,
        gamma=gamma,
        callback=seen.append,
    )
    s, ratio, known, d_last, checked = sigmas.tolist(), 1.0, [], None, 0
    for i in range(11):
        state, denoised = seen[i]["x"], seen[i]["denoised"]
        value = denoised - state if space == "residual" else denoised
        if i in (5, 9):
            predicted = 2 * known[-1] - known[-2]
            if "learning" in stabilizer:
                assert abs(ratio - 1) > 1e-3
                predicted = predicted / ratio
            guess = state + predicted if space == "residual" else predicted
            if "gradient" in stabilizer:
                d = (state - guess) / s[i]
                added = (gamma - 1) * (d - d_last)
                added = added * min(1.0, float(0.25 * d.norm() / added.norm()))
                guess = state - s[i] * (d + added)
            torch.testing.assert_close(denoised, guess, rtol=1e-4, atol=1e-6)
            checked += 1
        else:
            if len(known) >= 3:
                seen_ratio = float((2 * known[-1] - known[-2]).norm() / value.norm())
                ratio = min(max(beta * ratio + (1 - beta) * seen_ratio, 0.5), 2)
            known.append(value)
            d_last = (state - denoised) / s[i]
    assert checked == 2


# ---- multi-evaluation samplers


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("solver", [*TWO_STAGE, heun, heunpp2])
def test_all_evaluations_of_a_step_are_of_one_kind(solver, flow, mode):
    solve = SOLVERS[solver] if isinstance(solver, str) else solver
    sigmas = schedule(16, flow)
    model = Counted(problem(flow))
    result, report = sample(solve, model, noise(flow=flow), sigmas, mode)
    by_step = {}
    for record in report.records:
        by_step.setdefault(record.step, []).append(record)
    assert sorted(by_step) == list(range(16))
    assert "S" in report.sequence or (solver is heunpp2 and mode.startswith("auto"))
    rejected = any("rejected" in record.reason for record in report.records)
    assert rejected or all(len({record.kind for record in records}) == 1 for records in by_step.values())
    if solver in TWO_STAGE:
        assert [len(by_step[i]) for i in range(16)] == [2] * 15 + [1]
        for i, records in by_step.items():
            assert all(sigmas[i] * 1.0001 >= record.sigma > sigmas[i + 1] for record in records)
    assert [record.sigma for record in report.records if record.kind == "REAL"] == pytest.approx(model.sigmas)
    assert result.isfinite().all()


def test_a_calls_number_counts_steps_of_a_two_stage_solver():
    model = Counted(problem())
    _, report = sample(SOLVERS["res_2s"], model, noise(), schedule(16), "calls:9")
    assert report.sequence.count("R") == 9 and len(model.sigmas) == report.calls == 2 * 9 - 1


@pytest.mark.parametrize("solver", [*TWO_STAGE, heun])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_prediction_rejected_within_a_step_makes_the_rest_of_it_real(solver, nth, monkeypatch):
    """Also at heun's second evaluation, which lies at the step's end: there is nowhere left to land a correction."""
    asked = []

    def reject(*_, **__):
        asked.append(1)
        return "by the test" if len(asked) == nth else None

    monkeypatch.setattr(paper, "rejection", reject)
    solve = SOLVERS[solver] if isinstance(solver, str) else solver
    result, report = sample(solve, problem(), noise(), schedule(12), "h2/s2")
    rejected = [i for i, record in enumerate(report.records) if record.reason == "rejected: by the test"]
    assert len({report.records[i].step for i in rejected}) == 1
    assert all(report.records[i].kind == "REAL" for i in rejected) and result.isfinite().all()
    assert "REAL rejected: by the test" in report.reasons()


@pytest.mark.parametrize("space", ["epsilon", "denoised"])
@pytest.mark.parametrize("solver", ["euler", "dpmpp_2m", "res_2s", heun])
def test_where_the_number_of_calls_is_fixed_the_last_value_is_held_for_a_rejected_prediction(
    solver, space, monkeypatch
):
    """Every prediction refused: what is used is the last REAL value, and it is not the history's own tensor."""
    monkeypatch.setattr(paper, "rejection", lambda *_, **__: "cosine -1.00 < -0.9")
    answers, given, denoise = [], [], problem()

    def model(x, sigma):
        answers.append(denoise(x, sigma))
        return answers[-1].clone()

    solve = SOLVERS[solver] if isinstance(solver, str) else solver
    skipping = SkippingDenoiser(model, schedule(12), Config.parse("calls:7", space=space, correct=False))

    def watched(x, sigma, **_):
        before, answer = len(answers), skipping(x, sigma)
        if len(answers) == before:
            held = answers[-1] if space == "denoised" else x + sigma[0] * slope[0]
            given.append((answer.clone(), held))
            answer.zero_()  # a sampler may work in place
        else:
            slope[:] = [(answers[-1] - x) / sigma[0]]
        return given[-1][0].clone() if len(answers) == before else answer

    slope = []
    result, report = solve(watched, noise(), schedule(12)), skipping.finish()
    assert result.isfinite().all() and report.sequence.count("R") == 7
    assert {"SKIP held: cosine", "REAL planned call"} <= report.reasons().keys()
    assert len(given) == report.sequence.count("S") * (2 if solver in ("res_2s", heun) else 1)
    for answer, held in given:
        torch.testing.assert_close(answer, held)


def test_a_number_of_calls_is_kept_at_an_open_end_too_when_every_prediction_is_refused(monkeypatch):
    monkeypatch.setattr(paper, "rejection", lambda *_, **__: "by the test")
    _, report = sample(SOLVERS["euler"], problem(), noise(), schedule(16)[:-4], "calls:5")
    assert report.sequence.count("R") == 5 and report.sequence.endswith("SS")


def test_with_one_value_in_the_history_there_is_nothing_to_hold():
    """The model changes in the middle of a run whose policy would go on skipping: its next answer is no history."""

    class Skipping(Policy):
        keeps_count = True

        def decide(self, situation):
            return Decision(situation.step > 2, "skipping")

    skipping = SkippingDenoiser(problem(), schedule(12), Config.parse(policy=Skipping()))

    def changing(x, sigma, **_):
        if len(skipping.report.records) == 5:
            skipping.forget()
        return skipping(x, sigma)

    SOLVERS["euler"](changing, noise(), schedule(12))
    report = skipping.finish()
    assert [record.reason for record in report.records[5:7]] == ["the model changes", "rejected: history below 2"]
    assert [record.kind for record in report.records[4:8]] == ["SKIP", "REAL", "REAL", "SKIP"]


def test_the_plan_of_a_two_evaluation_sampler_knows_where_it_evaluates():
    sigmas, paths = schedule(20, True), []
    _, report = sample(heun, problem(True), noise(flow=True), sigmas, "calls:9")
    real = sorted({record.step for record in report.records if record.kind == "REAL"})
    for points in (probe(heun, sigmas)[0].points, None):
        opening = next(step for step in range(20) if step not in real)
        windows = Windows.of(check_schedule(sigmas), opening, 1)
        plan = Planner(check_schedule(sigmas), points, True, False, frozenset(), windows, 5)
        path = list(range(opening))
        while path[-1] < 19:
            path.append(plan.next_real(*path[-2:], 9 - len(path)))
        paths.append(path)
    assert real == paths[0] != paths[1]


# ---- ancestral and deterministic


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("steps", [8, 20, 50])
@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "dpmpp_2s", "res_2s", "res_3m"])
def test_fresh_noise_is_noticed_and_denoised_predicted(name, steps, flow):
    torch.manual_seed(0)
    model, seen = problem(flow), []
    options = {"eta": 1.0, "flow": flow}
    x = noise((4, 30, 3), flow)
    _, report = sample(
        SOLVERS[name],
        model,
        x,
        schedule(steps, flow),
        "calls:70%",
        stabilizer="none",
        correct=False,
        callback=seen.append,
        solver_options=options,
    )
    assert [*map(str, report.notes)] == ["sampler adds noise: predicting denoised, no correction"]
    skipped = skips(report)
    assert skipped
    if name in TWO_STAGE:
        return
    s, known, checked, loudest = schedule(steps, flow).tolist(), [], 0, 0.0
    for i, step in enumerate(seen[:-1]):
        if i in skipped:  # linear in sigma through the last two REAL denoised, and a share of the noise since
            (s0, d0, _), (s1, d1, x1) = known[-2:]
            keep, keep1 = (1 - s[i], 1 - s1) if flow else (1, 1)
            left, was = step["x"] / keep - d1, x1 / keep1 - d1
            fresh = left - (left * was).sum((1, 2), True) / (was * was).sum((1, 2), True) * was
            moved = min(GAIN, keep / s[i]) * fresh
            expected = d1 + (d1 - d0) / (s1 - s0) * (s[i] - s1) + moved
            torch.testing.assert_close(step["denoised"], expected, rtol=1e-3, atol=1e-3)
            loudest, checked = max(loudest, float(moved.abs().mean())), checked + 1
        else:
            real = model(step["x"], torch.full((4,), s[i]))
            assert torch.equal(step["denoised"], real)
            known.append((s[i], real, step["x"]))
    assert checked == len(skipped) and loudest > 0.02


@pytest.mark.parametrize("flow", [False, True])
def test_where_the_sampler_adds_noise_the_plan_is_another(flow):
    sequences = {}
    for eta in (0.0, 1.0):
        torch.manual_seed(0)
        options = {"eta": eta, "flow": flow}
        start = noise((4, 30, 3), flow)
        run = sample(SOLVERS["euler"], problem(flow), start, schedule(20, flow), "calls:12", solver_options=options)
        sequences[eta] = run[1].sequence
    assert sequences[1.0].count("R") == sequences[0.0].count("R") == 12
    assert sequences[1.0].index("S") > sequences[0.0].index("S")


def test_a_curvature_seen_before_the_noise_was_is_forgotten():
    """Three evaluations in the first step show a curvature; then the state turns out to hold fresh noise."""
    denoiser = SkippingDenoiser(problem(), schedule(6), Config.parse("auto:0.5"))
    sigmas, x = schedule(6), noise((2, 30, 3))
    for share in (0.0, 0.4, 0.8):
        level = torch.lerp(sigmas[0], sigmas[1], share)
        denoiser(x / sigmas[0] * level, level)
    nonfinite, curvature = denoiser.pending
    assert curvature.min() > 0 and not nonfinite.any()
    denoiser(sigmas[1] * noise((2, 30, 3), seed=1) / 14.6, sigmas[1])
    assert denoiser.known.forecaster.noisy and denoiser.known.curvatures.by_step == {}


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("steps", [4, 8, 20, 50])
@pytest.mark.parametrize("name", [*sorted(SOLVERS), heun, heunpp2])
def test_a_deterministic_solver_is_not_taken_for_a_noisy_one(name, steps, flow):
    solve = SOLVERS[name] if isinstance(name, str) else name
    for seed in range(3):
        _, report = sample(solve, problem(flow), noise((2, 8, 3), flow, seed), schedule(steps, flow), "auto")
        assert not [note for note in report.notes if note.code == "adds-noise"]


def test_asking_twice_at_the_first_sigma_is_not_noise():
    """Nothing has moved yet, so there is nothing but rounding to judge by."""

    def twice(model, x, sigmas, **_):
        model(x, sigmas[:1].expand(2))
        return SOLVERS["euler"](model, x, sigmas)

    (note,) = sample(twice, problem(), noise(), schedule(12), "calls:8")[1].notes
    assert note.code == "sampler-unknown" and note.text.endswith("makes nothing of an answer before the next")


# ---- batches, dtypes, shapes


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "res_2s"])
@pytest.mark.parametrize("mode", ["calls:9", "h2/s2", "h3, 4, 5, 8"])
def test_a_sample_does_not_depend_on_its_neighbours(mode, name, flow):
    x, sigmas = noise((4, 5, 3), flow), schedule(16, flow)
    for options in ({}, {"stabilizer": "learning+gradient", "beta": 0.5}):
        together, report = sample(SOLVERS[name], problem(flow), x, sigmas, mode, **options)
        for i in range(4):
            alone, single = sample(SOLVERS[name], problem(flow), x[i : i + 1], sigmas, mode, **options)
            assert single.sequence == report.sequence and "S" in report.sequence
            torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3), (2, 5, 3), (2, 4, 5, 3), (2, 2, 3, 5, 3)])
@pytest.mark.parametrize("mode", MODES)
def test_the_layout_does_not_matter(mode, shape):
    x, sigmas = noise(shape), schedule(16)
    result, report = sample(SOLVERS["dpmpp_2m"], problem(), x, sigmas, mode)
    assert result.shape == shape and "S" in report.sequence
    model = lambda x, sigma: problem()(x.unflatten(1, (-1, 3)), sigma).flatten(1)  # noqa: E731
    flat, same = sample(SOLVERS["dpmpp_2m"], model, x.flatten(1), sigmas, mode)
    torch.testing.assert_close(result.flatten(1), flat, rtol=1e-4, atol=1e-4)
    assert report.sequence == same.sequence


@pytest.mark.parametrize("dtype, tolerance", [(torch.float16, 0.02), (torch.bfloat16, 0.1), (torch.float64, 1e-5)])
@pytest.mark.parametrize("mode", ["calls:9", "h2/s2"])
def test_other_dtypes_stay_themselves_and_near_float32(mode, dtype, tolerance):
    seen = set()

    def model(x, sigma):
        seen.add(x.dtype)
        return (
            problem(True)(x.float(), sigma.float()).to(dtype)
            if dtype != torch.float64
            else problem(True, dtype)(x, sigma)
        )

    sigmas = schedule(16, True)
    result, report = sample(SOLVERS["euler"], model, noise((4, 3), True, dtype=dtype), sigmas, mode)
    same, expected = sample(SOLVERS["euler"], problem(True), noise((4, 3), True), sigmas, mode)
    assert result.dtype == dtype and seen == {dtype} and report.sequence == expected.sequence
    torch.testing.assert_close(result.float(), same, rtol=tolerance, atol=tolerance)


def test_a_predicted_value_has_the_dtype_of_x():
    kinds = set()
    wrapped = SkippingDenoiser(lambda x, sigma: x * 0.5, schedule(8), Config.parse("calls:5"))
    x = noise(dtype=torch.float16)
    for sigma in schedule(8)[:-1]:
        kinds.add(wrapped(x, sigma.expand(2)).dtype)
        x = (x * 0.9).to(torch.float16)
    assert kinds == {torch.float16} and "S" in wrapped.report.sequence


def test_sigma_may_be_a_scalar_tensor():
    runs = []
    for shape in ((), (2,)):
        wrapped, x = (
            SkippingDenoiser(lambda x, sigma: x / (1 + sigma.flatten()[0]), schedule(8), Config.parse("calls:5")),
            noise(),
        )
        for sigma, following in zip(schedule(8)[:-1], schedule(8)[1:], strict=True):
            x = torch.lerp(wrapped(x, sigma.expand(shape)), x, following / sigma)
        runs.append((x, wrapped.finish()))
    assert torch.equal(runs[0][0], runs[1][0]) and runs[0][1] == runs[1][1]


# ---- errors


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", ["h2/s2", "calls:10", "auto", "adaptive"])
@pytest.mark.parametrize("step", [0, 3, 11])
def test_a_non_finite_output_stops_the_run_with_step_sigma_and_share(step, mode, value):
    sigmas = schedule(12)

    def model(x, sigma):
        denoised = problem()(x, sigma)
        if float(sigma[0]) <= float(sigmas[step]) * 1.0001:
            denoised.view(-1)[:1] = value  # one of the 12 elements: a quarter of a sample, 8.33 % of the batch
        return denoised

    counted = Counted(model)
    with pytest.raises(FloatingPointError) as caught:
        sample(SOLVERS["euler"], counted, noise((2, 2, 3)), sigmas, mode)
    bad = len(counted.sigmas) - 1
    at = [i for i, s in enumerate(sigmas.tolist()) if s == counted.sigmas[bad]][0]
    assert at >= step  # at once when that step is REAL (0, 3 and the last always are), and the model is not asked again
    assert step not in (0, 11) or at == step
    assert str(caught.value) == (
        f"the model's output at step {at} (sigma {counted.sigmas[bad]:.5g}) is not finite in 8.33 % of its elements; "
        "expected finite values, the run stops here"
    )


def test_a_run_of_one_step_is_checked_too():
    with pytest.raises(
        FloatingPointError, match=r"^the model's output at step 0 \(sigma 2\) is not finite in 100 % of"
    ):
        sample(SOLVERS["euler"], lambda x, sigma: x * math.nan, noise(), torch.tensor([2.0, 0.0]), "auto")


def test_x_that_requires_grad_is_refused():
    for mode in ("auto", "h2/s2"):
        wrapped = SkippingDenoiser(problem(), schedule(6), Config.parse(mode))
        with pytest.raises(
            ValueError, match=r"^x requires grad; expected a latent to sample from \(call x.detach\(\)\)$"
        ):
            wrapped(noise().requires_grad_(), schedule(6)[:1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_x_may_step_up_from_half_precision(dtype):
    """ComfyUI hands samplers half-precision latents; they step in the float32 of the sigmas."""
    wrapped = SkippingDenoiser(problem(), schedule(6), Config.parse("h2, 2"))
    given = [noise().to(dtype), noise(), noise()]
    out = [wrapped(x, sigma.reshape(1)) for x, sigma in zip(given, schedule(6), strict=False)]
    assert wrapped.finish().sequence == "RRS" and out[2].dtype == torch.float32


@pytest.mark.parametrize(
    "x, what",
    [
        (torch.ones(2, 3, dtype=torch.int64), "torch.int64 (2, 3)"),
        (torch.ones(3), "torch.float32 (3,)"),
        (torch.ones(0, 3), "torch.float32 (0, 3)"),
        (torch.ones(2, 0), "torch.float32 (2, 0)"),
    ],
)
def test_x_that_is_no_batch_of_floats_is_refused(x, what):
    with pytest.raises(ValueError) as caught:
        SkippingDenoiser(lambda x, sigma: x, schedule(6), Config.parse("auto"))(x, schedule(6)[:1])
    assert str(caught.value) == f"x is {what}; expected a non-empty floating-point batch [B, ...]"


@pytest.mark.parametrize("mode", ["off", "h2/s2", "auto", "calls:4"])
@pytest.mark.parametrize(
    "sigmas, message",
    [
        ([], "schedule has 0 sigmas"),
        ([3.0], "schedule has 1 sigmas"),
        ([3.0, math.nan, 0.0], "sigma nan at index 1"),
        ([3.0, 2.0, 2.0, 0.0], "sigma 2.0 at index 2 after 2.0"),
        ([1.0, 2.0], "sigma 2.0 at index 1 after 1.0"),
        ([math.inf, 1.0], "sigma inf at index 0"),
        ([1.0, -1.0], "sigma -1.0 at index 1"),
    ],
)
def test_a_bad_schedule_is_refused_before_the_model_is_called(mode, sigmas, message):
    def model(x, sigma):
        raise AssertionError("called")

    for given in (torch.tensor(sigmas), sigmas):
        with pytest.raises(ValueError, match=f"^{message}; expected|^{message}"):
            sample(SOLVERS["euler"], model, noise(), given, mode)


def test_a_config_that_does_not_fit_the_schedule_is_refused_before_the_model_is_called():
    counted = Counted(problem())
    with pytest.raises(ValueError, match="calls:2 in a run of 12 steps"):
        sample(SOLVERS["euler"], counted, noise(), schedule(12), "calls:2")
    with pytest.raises(ValueError, match="calls:4 in a run of 12 steps; expected 5"):
        begin(counted, schedule(12), Config.parse("calls:4"), changes={6})
    assert counted.sigmas == []


# ---- cost


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stabilizer", [None, "learning+gradient"])
@pytest.mark.parametrize("name, eta", [("euler", 0.0), ("res_2s", 0.0), ("euler", 1.0), ("dpmpp_2s", 1.0)])
@pytest.mark.parametrize("flow", [False, True])
def test_at_most_one_transfer_an_evaluation(flow, name, eta, stabilizer, mode, monkeypatch):
    reads, inside = [], []
    for method in ("tolist", "item", "__float__", "__bool__", "__int__", "__index__", "cpu", "numpy"):
        original = getattr(torch.Tensor, method)

        def spy(self, *args, original=original, method=method):
            if inside and inside[-1] and self.dtype != torch.float64:  # the plan's own tables are float64, on the host
                reads[-1].append(method)
            return original(self, *args)

        monkeypatch.setattr(torch.Tensor, method, spy)
    call = SkippingDenoiser.__call__

    def watched(self, x, sigma, **extra):
        reads.append([])
        inside.append(True)
        try:
            return call(self, x, sigma, **extra)
        finally:
            inside.pop()

    monkeypatch.setattr(SkippingDenoiser, "__call__", watched)

    def model(x, sigma):
        inside.append(False)
        denoised = problem(flow)(x, sigma)
        inside.pop()
        return denoised

    _, report = sample(
        SOLVERS[name],
        model,
        noise(flow=flow),
        schedule(16, flow),
        mode,
        stabilizer=stabilizer,
        solver_options={"eta": eta, "flow": flow} if eta else None,
        space="auto",
    )
    assert len(reads) == report.evaluations and bool(report.notes) == (eta > 0)
    assert all(len(methods) == 1 for methods in reads), reads


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_each_step_keeps_few_latents(eta):
    """History, a gap or the noise in x, the pending figures: never more than 6 latents between evaluations."""
    wrapped = SkippingDenoiser(lambda x, sigma: x / (1 + sigma[0]), schedule(20), Config.parse("calls:12"))
    x = torch.randn(1, 4, 64, 64) * 14.6
    for sigma, following in zip(schedule(20)[:-1], schedule(20)[1:], strict=True):
        down = following * (following / sigma) ** eta
        x = torch.lerp(wrapped(x, sigma.expand(1)), x, down / sigma)
        x = x + (following**2 - down**2).clamp_min(0).sqrt() * torch.randn_like(x)
        held, stack = {}, [vars(wrapped)]
        while stack:
            value = stack.pop()
            if isinstance(value, torch.Tensor):
                held[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            elif isinstance(value, dict):
                stack += value.values()
            elif isinstance(value, (list, tuple)):
                stack += value
            elif type(value).__module__.startswith("comfyui_fsampler"):
                stack += [vars(value)] if hasattr(value, "__dict__") else []
        assert sum(held.values()) <= 6 * x.nbytes
    assert wrapped.known.forecaster.noisy == (eta > 0)


@pytest.mark.parametrize("mode", ["off", *MODES])
@pytest.mark.parametrize("name, eta", [*[(name, 0) for name in ("euler", "dpmpp_2m", "res_2s", "lms")], ("euler", 1)])
def test_no_tensor_of_a_run_is_alive_after_it(name, eta, mode, monkeypatch):
    kept = []

    def model(x, sigma):
        denoised = problem()(x, sigma)
        kept.extend(weakref.ref(t) for t in (x, denoised))
        return denoised

    made = []
    original = SkippingDenoiser._learn

    def spy(self, *args):
        forecaster, correction = self.known.forecaster, self.known.correction
        made.append(weakref.ref(self))
        kept.extend(weakref.ref(entry.value) for entry in forecaster.history.entries)
        noise_held = getattr(forecaster, "noise", None)
        held = (correction.gap.used, correction.deferred.delta, forecaster.predictor.trend_gain, noise_held)
        kept.extend(weakref.ref(t) for t in held if t is not None)
        return original(self, *args)

    monkeypatch.setattr(SkippingDenoiser, "_learn", spy)
    x = noise()
    given = {"eta": 1.0} if eta else None
    result, report = sample(SOLVERS[name], model, x, schedule(16), mode, solver_options=given)
    pointer = result.data_ptr()
    gc.collect()
    alive = [t() for t in kept if t() is not None and t() is not x and t().data_ptr() not in (pointer, x.data_ptr())]
    assert alive == [] and kept
    assert all(ref() is None for ref in made)


def test_finish_drops_every_tensor_of_a_denoiser_that_lives_on():
    wrapped = SkippingDenoiser(problem(), schedule(16), Config.parse("calls:9", stabilizer="learning+gradient"))
    x, kept = noise(), []
    for sigma, following in zip(schedule(16)[:10], schedule(16)[1:11], strict=True):
        denoised = wrapped(x, sigma.expand(2))
        x = torch.lerp(denoised, x, following / sigma)
        kept += [weakref.ref(x), weakref.ref(denoised)]
        kept += [weakref.ref(entry.value) for entry in wrapped.known.forecaster.history.entries]
    kept.append(weakref.ref(wrapped.reader._schedule))
    assert wrapped.finish() is wrapped.report
    del x, denoised
    gc.collect()
    assert [ref() for ref in kept if ref() is not None] == []


def test_the_denoiser_is_used_without_gradients():
    x = noise()
    wrapped = SkippingDenoiser(lambda x, sigma: x * weight, schedule(6), Config.parse("auto"))
    weight = torch.ones(3, requires_grad=True)
    assert not wrapped(x, schedule(6)[:1]).requires_grad and torch.is_grad_enabled()


def test_the_solvers_pass_the_skipping_denoiser_nothing_of_their_own():
    """A sampler needs no help: it sees `model(x, sigma, **extra)` and nothing else."""
    signature = inspect.signature(SkippingDenoiser.__call__)
    assert list(signature.parameters) == ["self", "x", "sigma", "extra"]


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("solver", [heun, heunpp2])
def test_a_sigma_that_comes_again_but_for_rounding_shows_no_curvature(solver, flow):
    """Such an evaluation has no distance to divide by: kappa stays that of the problem, and steps are skipped."""
    sigmas = schedule(16, flow)

    def rounding(model, x, sigmas, **named):
        turns = itertools.cycle((1.0, 1 - 2e-7))
        return solver(lambda x, sigma, **extra: model(x, sigma * next(turns), **extra), x, sigmas, **named)

    denoiser = SkippingDenoiser(problem(flow), sigmas, Config.parse("balanced"))
    rounding(denoiser, noise(flow=flow), sigmas)
    assert max(denoiser.known.curvatures.by_step.values()) < 50 and "S" in denoiser.finish().sequence


@pytest.mark.parametrize("name", ["dpmpp_2m", "res_2s", "lms"])
def test_a_run_needs_at_most_six_latents_at_any_time(name):
    """Also within an evaluation, when a gap is closed: against the bare solver, every tensor alive counted."""
    x, sigmas = torch.randn(1, 4, 128, 128), torch.linspace(1, 0, 21)  # large beside the plan
    full, skipping = (peak_latents(x, sigmas, mode, name) for mode in ("off", "calls:50%"))
    assert skipping - full < 6.1
    full, skipping = (peak_latents(x, sigmas, mode, name, Guided()) for mode in ("off", "calls:50%"))
    assert 6.5 < skipping - full < 7.1  # and one more under guidance
