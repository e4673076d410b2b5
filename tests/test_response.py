"""The rehearsal: what it finds of solvers whose weights are known, and corrections that then arrive exactly."""

from types import SimpleNamespace

import pytest
import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.fsampler.gap_error import points_at_starts
from comfyui_fsampler.fsampler.response import EulerResponse, LinearResponse, probe
from comfyui_fsampler.fsampler.schedule import check_schedule
from comfyui_fsampler.samplers import SOLVERS
from toys import heun, heunpp2, noise, problem, schedule


def lagged(model, x, sigmas, **_):
    """Two-step with the middle left out, in place: remembers the answer before the last one only."""
    x, slopes = x.clone(), []
    for sigma, following in zip(sigmas, sigmas[1:], strict=False):
        slopes.append((x - model(x, sigma.expand(len(x)))) / sigma)
        x += (following - sigma) * (1.4 * slopes[-1] - 0.4 * slopes[max(len(slopes) - 3, 0)])
    return x


KNOWN = {**SOLVERS, "heun": heun, "lagged": lagged}


def replay(solver, sigmas, x, answers):
    """The states at every evaluation and at the end, with these answers ``[E, ...]`` whatever the state is."""
    states, given = [], iter(answers)

    def model(state, sigma, **_):
        states.append(state.clone())
        return next(given)

    last = solver(model, x, sigmas, disable=True)
    return [*states, last]


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_it_finds_says_where_any_answers_lead(name, flow):
    solver, sigmas = KNOWN[name], schedule(9, flow, torch.float64)
    sampler, note = probe(solver, sigmas)
    assert note is None and isinstance(sampler, LinearResponse) and not sampler.adds_noise
    count = len(sampler.steps)
    answers = torch.randn(count, 1, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = noise((1, 3), flow, dtype=torch.float64)
    for m, state in enumerate(replay(solver, sigmas, x, answers)):
        weights = torch.tensor(sampler.weights[m], dtype=torch.float64)
        expected = sampler.carried[m] * x + torch.einsum("j,j...->...", weights, answers)
        torch.testing.assert_close(state, expected, rtol=1e-4, atol=1e-4 * float(sigmas[0]))


@pytest.mark.parametrize(
    "name, step, at",
    [
        ("euler", 5, 5),
        ("dpmpp_2m", 5, 5),
        ("lms", 5, 5),
        ("res_3m", 6, 6),
        ("dpmpp_2s", 5, 10),
        ("res_2s", 5, 10),
        ("heun", 5, 10),
        ("lagged", 5, 5),
    ],
)
def test_a_landing_moves_every_later_state_as_if_the_state_had_been_changed(name, step, at):
    """All states after it, at the same answers, are off by sigma's share of delta; what it leaves out is below 1 %."""
    solver, sigmas = KNOWN[name], schedule(12, dtype=torch.float64)
    sampler, _ = probe(solver, sigmas)
    added = sampler.correction(at, float(sigmas[step]), float(sigmas[step + 1]))
    answers = torch.randn(len(sampler.steps), 1, 3, generator=torch.Generator().manual_seed(2)).double()
    delta, x = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64), noise((1, 3), dtype=torch.float64)
    changed = answers.clone()
    for i, share in enumerate(added):
        changed[at + i] += share * delta
    before, after = replay(solver, sigmas, x, answers), replay(solver, sigmas, x, changed)
    for m in range(len(before)):
        wanted = delta * (sampler.carried[m] / sampler.carried[at] if m > at else 0)
        torch.testing.assert_close(after[m] - before[m], wanted, rtol=0, atol=0.01)


def test_one_answer_is_enough_without_memory_and_later_ones_take_back_what_is_remembered():
    sigmas = schedule(12)
    lengths = {name: len(probe(SOLVERS[name], sigmas)[0].correction(4, 0, 0)) for name in ("euler", "dpmpp_2m", "lms")}
    assert lengths["euler"] == 1 < lengths["dpmpp_2m"] <= 8
    assert lengths["lms"] > 3
    assert len(probe(SOLVERS["dpmpp_2s"], sigmas)[0].correction(8, 0, 0)) == 2


def test_the_answers_of_a_step_share_its_effect_by_what_they_weigh():
    sigmas = schedule(12, dtype=torch.float64)
    a, b = sigmas[5:7].tolist()
    whole = 1 / b - 1 / a
    assert EulerResponse().effect(5, a, b) == whole
    for name in ("euler", "lms"):
        assert probe(SOLVERS[name], sigmas)[0].effect(5, a, b) == pytest.approx(whole)
    shares = [probe(SOLVERS["dpmpp_2s"], sigmas)[0].effect(j, a, b) / whole for j in (10, 11)]
    assert shares == pytest.approx([0, 1], abs=1e-4)
    sampler = probe(heun, sigmas)[0]
    shares = [sampler.effect(j, a, b) / whole for j in (10, 11)]
    assert shares == pytest.approx([1 - a / b / 2, a / b / 2], abs=1e-4)  # the first is in the second's state too
    assert sampler.steps[:5] == [0, 0, 1, 1, 2]


def test_the_evaluations_of_each_step_and_their_shares():
    sigmas = schedule(12)
    known = {name: probe(solver, sigmas)[0].points for name, solver in KNOWN.items()}
    values = check_schedule(sigmas)
    for name in ("euler", "dpmpp_2m", "lms", "lagged"):
        assert [len(step) for step in known[name]] == [1] * 12
        (sigmas_of, shares) = zip(*(step[0] for step in known[name]), strict=True)
        assert sigmas_of == values[:-1] and (name == "dpmpp_2m" or shares == pytest.approx([1.0] * 12))
    a, b = values[5:7]
    (first, share), (second, other) = known["heun"][5]
    assert (first, second) == (a, b) and (share, other) == pytest.approx([1 - a / b / 2, a / b / 2], abs=1e-4)
    (first, share), (second, other) = known["dpmpp_2s"][5]
    assert first == a and second == pytest.approx((a * b) ** 0.5) and (share, other) == pytest.approx([0, 1], abs=1e-4)
    assert {name: len(every) for name, every in known.items()} == dict.fromkeys(known, 12)


def test_evaluations_of_a_sampler_that_adds_noise_count_in_full():
    sigmas = schedule(12)
    assert probe(SOLVERS["euler"], sigmas, solver_options={"eta": 1.0})[0].points == points_at_starts(
        check_schedule(sigmas)
    )
    a, b = check_schedule(sigmas)[5:7]
    (first, share), (second, other) = probe(SOLVERS["dpmpp_2s"], sigmas, solver_options={"eta": 1.0})[0].points[5]
    assert first == a and second == pytest.approx(b) and share == other == 1  # half-way to b^2 / a

    sampler, _ = probe(lambda model, x, sigmas, **_: heunpp2(model, x + torch.randn_like(x), sigmas), sigmas)
    assert sampler.adds_noise and sampler.points is None


def test_a_start_that_ends_at_the_next_sigma_is_told_apart_from_the_steps_after_it():
    """As high-order multistep methods of other packs start (res_3m, deis_3m)."""

    def heun_once(model, x, sigmas, disable=None, **_):
        for i in range(len(sigmas) - 1):
            denoised = model(x, sigmas[i].expand(len(x)))
            if i == 0:
                end = denoised + (x - denoised) * sigmas[1] / sigmas[0]
                denoised = (denoised + model(end, sigmas[1].expand(len(x)))) / 2
            x = denoised + (x - denoised) * sigmas[i + 1] / sigmas[i]
        return x

    sampler, note = probe(heun_once, schedule(6))
    assert note is None and isinstance(sampler, LinearResponse)
    assert [step for _, step in sampler.evaluations] == [0, 0, 1, 2, 3, 4, 5]


def test_a_sampler_that_tells_the_model_other_sigmas_than_its_states_have_is_not_taken_for_known():
    def lying(model, x, sigmas, **_):
        for i in range(len(sigmas) - 1):
            told = sigmas[i] * (0.9 if 3 <= i < 8 else 1)
            x = torch.lerp(model(x, told.expand(len(x))), x, sigmas[i + 1] / sigmas[i])
        return x

    response, note = probe(lying, schedule(12))
    assert response.evaluations is None and note.text.endswith("other sigmas than its states have")
    response, note = probe(lambda m, x, s, **_: lying(m, x + torch.randn_like(x), s), schedule(12))
    assert response.evaluations is None and response.adds_noise


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "dpmpp_2s"])
def test_noise_is_found_and_none_of_the_runs_random_numbers_is_used(name):
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    sampler, note = probe(SOLVERS[name], schedule(12), solver_options={"eta": 1.0})
    assert sampler.adds_noise and note is None and isinstance(sampler, EulerResponse)
    assert torch.equal(torch.randn(3), expected)


def test_a_noise_sampler_belongs_to_the_run():
    def draw(*_):
        raise AssertionError("drawn before the run")

    sampler, note = probe(SOLVERS["euler"], schedule(12), solver_options={"eta": 1.0, "noise_sampler": draw})
    assert isinstance(sampler, EulerResponse) and note is None


def crooked(model, x, sigmas, **_):
    for sigma, following in zip(sigmas, sigmas[1:], strict=False):
        denoised = model(x, sigma.expand(len(x)))
        x = denoised + (x - denoised) * following / sigma * (1 + x.abs())
    return x


def greedy(model, x, sigmas, **_):
    for sigma in sigmas[:-1].repeat_interleave(5):
        x = 0.9 * x + 0.1 * model(x, sigma.expand(len(x)))
    return x


def leaps(model, x, sigmas, **options):
    between = (sigmas[1:-2] + sigmas[2:-1]) / 2
    return SOLVERS["euler"](model, x, torch.cat([sigmas[:1], between, sigmas[-1:]]), **options)


def drops(model, x, sigmas, **_):
    for sigma in sigmas[:-1]:
        x = model(x, sigma.expand(len(x)))
    return x


def wide(model, x, sigmas, **_):
    return model(x, sigmas[:1].expand(len(x)))[:, 5]


@pytest.mark.parametrize(
    "solver, why",
    [
        (crooked, "its states are not linear in the model's answers"),
        (greedy, "more than 4 evaluations a step"),
        (wide, "IndexError: index 5 is out of bounds"),
        (drops, "it drops its state"),
        (leaps, "its steps are not the schedule's"),
        (heunpp2, "it returns to a sigma it had left"),
        (lambda model, x, sigmas, **_: model.inner_model(x, sigmas), "AttributeError: 'NoneType' object"),
    ],
)
def test_what_cannot_be_rehearsed_says_why_and_counts_as_a_one_step_method(solver, why):
    sampler, note = probe(solver, schedule(12))
    assert isinstance(sampler, EulerResponse) and not sampler.adds_noise
    assert note.text.startswith(f"sampler not rehearsed, corrected as a one-step method: {why}")


def test_a_sampler_may_read_what_the_model_has():
    def reads(model, x, sigmas, extra_args=None, **_):
        assert model.config == "there" and extra_args == {"seed": 3}
        return SOLVERS["euler"](model, x, sigmas)

    model = SimpleNamespace(config="there")
    assert probe(reads, schedule(12), model=model, extra_args={"seed": 3})[1] is None


def test_a_run_shows_its_model_to_the_rehearsal_and_its_denoiser_to_the_solver():
    seen = []

    def reads(model, x, sigmas, **options):
        seen.append((getattr(model, "mean", None) is not None, hasattr(model, "report")))
        return SOLVERS["euler"](model, x, sigmas, **options)

    sample(reads, problem(), noise(), schedule(12), "calls:8")
    assert seen == [(True, False), (False, True)]


def test_a_one_step_method_keeps_no_latent_for_a_landing():
    """Looked at as the sampler looks at it: between two answers."""
    kept = []

    def watching(model, x, sigmas, **options):
        def answer(x, sigma, **extra):
            denoised = model(x, sigma, **extra)
            known = getattr(model, "known", None)  # the probe's model has none
            kept.append(known is not None and known.correction.deferred.delta is not None)
            return denoised

        return solver(answer, x, sigmas, **options)

    for name, remembers in (("euler", False), ("dpmpp_2m", True), ("dpmpp_2s", True)):
        kept.clear()
        solver = SOLVERS[name]
        sample(watching, problem(), noise(), schedule(12), "calls:8")
        assert any(kept) is remembers


@pytest.mark.parametrize("shape", [(2, 3), (1, 4, 3), (1, 4, 5, 3), (1, 4, 2, 3, 3)])
def test_latents_of_the_run_decide_its_dimensions(shape):
    seen = []

    def solver(model, x, sigmas, **options):
        seen.append(x.ndim)
        return SOLVERS["euler"](model, x, sigmas, **options)

    sample(solver, problem(), noise(shape), schedule(12), "calls:8")
    assert seen == [len(shape)] * 2


@pytest.mark.parametrize("mode, runs", [("off", 1), ("h2/s2", 1), ("calls:8", 2), ("balanced", 2)])
def test_only_a_run_that_corrects_is_rehearsed(mode, runs):
    seen = []

    def solver(model, x, sigmas, **options):
        seen.append(model)
        return SOLVERS["euler"](model, x, sigmas, **options)

    sample(solver, problem(), noise(), schedule(12), mode)
    assert len(seen) == runs


@pytest.mark.parametrize(
    "name, flow",
    [
        ("dpmpp_2s", True),
        ("res_2s", True),
        ("lms", True),
        ("heun", True),
        ("heun", False),
    ],
)
def test_it_brings_samplers_with_memory_or_two_evaluations_closer_to_the_full_run(name, flow):
    solver, sigmas, x = KNOWN[name], schedule(20, flow), noise((2, 3), flow)
    full, _ = sample(solver, problem(), x, sigmas, "off")

    def unknown(model, x, sigmas, **options):
        if not hasattr(model, "report"):
            raise ValueError("not without a run")
        return solver(model, x, sigmas, **options)

    error, calls = {}, {}
    for known, run in ((True, solver), (False, unknown)):
        result, report = sample(run, problem(), x, sigmas, "calls:12")
        assert len(report.notes) == (not known)
        error[known], calls[known] = (result - full).norm(), report.calls
    assert error[True] < 0.7 * error[False] and calls[True] == calls[False]


def test_noise_that_comes_late_is_expected_from_the_start():
    """As in sa_solver: the state during the first step shows nothing yet."""

    def late(model, x, sigmas, **_):
        for i, (sigma, following) in enumerate(zip(sigmas, sigmas[1:], strict=False)):
            x = torch.lerp(x, model(x, sigma.expand(len(x))), 1 - following / sigma)
            x = x + 0.3 * following * torch.randn_like(x) if 4 <= i < 8 else x
        return x

    torch.manual_seed(0)
    _, report = sample(late, problem(), noise(), schedule(12), "calls:9")
    assert [*map(str, report.notes)] == ["sampler adds noise: predicting denoised, no correction"]


def test_one_answer_that_needs_nothing_is_not_the_end_of_a_landing():
    count = 9
    weights = [[(1.0 if m - j < 3 else 0.5) * (j < m) for j in range(count)] for m in range(count + 1)]
    sampler = LinearResponse(
        [*range(count, -1, -1)], [*range(count, 0, -1)], [*range(count)], [1.0] * (count + 1), weights
    )
    assert sampler.correction(1, 8, 7) == pytest.approx((1, 0, 0.5, 0, 0.25, 0, 0.125))


@pytest.mark.parametrize("name", ["dpmpp_2m", "res_2m", "euler", "dpmpp_2s"])
def test_an_effect_is_what_is_left_once_the_sampler_has_forgotten_the_answer(name):
    """Over a schedule that leaves tiny steps for long ones, where a remembered answer counts many times."""
    sigmas = torch.tensor([1 - 0.004 * i for i in range(6)] + [0.9, 0.7, 0.45, 0.2, 0.05, 0.0], dtype=torch.float64)
    sampler, _ = probe(SOLVERS[name], sigmas)
    answers, x = torch.zeros(len(sampler.steps), 1, 3, dtype=torch.float64), noise((1, 3), True, dtype=torch.float64)
    last, effects = len(sampler.steps) - 1, []
    for evaluation, step in enumerate(sampler.steps[:-3]):
        changed = answers.clone()
        changed[evaluation] += 1
        before, after = (replay(SOLVERS[name], sigmas, x, given)[last] for given in (answers, changed))
        a, b = float(sigmas[step]), float(sigmas[step + 1])
        effects.append(sampler.effect(evaluation, a, b) / (1 / b - 1 / a))
        wanted = torch.full_like(x, sampler.effect(evaluation, a, b) * float(sigmas[sampler.steps[last]]))
        torch.testing.assert_close(after - before, wanted, rtol=0.01, atol=1e-4)
    assert (min(effects) < -3) == (name in ("dpmpp_2m", "res_2m"))


@pytest.mark.parametrize("name", ["dpmpp_2m", "res_2m"])
@pytest.mark.parametrize("mode", ["calls:9", "balanced"])
def test_the_answer_that_a_long_step_amplifies_is_not_predicted(name, mode):
    sigmas = [1 - 0.004 * i for i in range(11)] + [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    points = probe(SOLVERS[name], sigmas)[0].points
    jump = max(range(len(points)), key=lambda step: points[step][0][1])
    assert jump == 9 and points[jump][0][1] > 3
    _, report = sample(SOLVERS[name], problem(True), noise(flow=True), torch.tensor(sigmas), mode)
    assert report.sequence[jump] == "R" and "S" in report.sequence
