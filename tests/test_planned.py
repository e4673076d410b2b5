"""Plans: their text, what they are made from, and what a run makes of one."""

import math
import re

import pytest
import torch
from comfyui_fsampler.fsampler import Config, SkippingDenoiser, begin, sample
from comfyui_fsampler.fsampler.plan_text import Coefficients, Plan, parse, spoken
from comfyui_fsampler.fsampler.recorded_plans import GUIDANCE_USED, expected, gap_errors, outlook, planned, predictions
from comfyui_fsampler.samplers import SOLVERS
from hypothesis import given
from hypothesis import strategies as st

SIGMAS = torch.linspace(10, 0, 21)
SHAPE = (2, 3, 8, 8)
GENERATOR = torch.Generator().manual_seed(4)
START, CURVE, BEND, AGAINST = (torch.randn(SHAPE, generator=GENERATOR, dtype=torch.float64) for _ in range(4))


class Prescribed:
    """Epsilon is a curve of sigma, whatever x is; it bends and moves against the guidance, which it says."""

    guidance_difference = None

    def epsilon(self, sigma):
        return CURVE + 0.2 * sigma * BEND + 0.3 * math.sin(sigma) * AGAINST + 0.5 * math.log(sigma) ** 2 * AGAINST

    def __call__(self, x, sigma):
        level = float(sigma.flatten()[0])
        self.guidance_difference = level * AGAINST.expand_as(x)
        return x - level * self.epsilon(level)


def gaussian(x, sigma):
    """The denoiser of Gaussian data with standard deviation 1/2."""
    return x / (1 + 4 * sigma.reshape(-1, 1, 1, 1) ** 2)


def recording(model=None, solver="euler", sigmas=SIGMAS, **more):
    return sample(SOLVERS[solver], model or Prescribed(), 10 * START, sigmas, "record", **more)[1].recording


def apart(model, mode, solver="euler", seed=9, **options):
    """The relative error of a run of other images, and its report."""
    x = 10 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    full = SOLVERS[solver](model, x, SIGMAS)
    ours, report = sample(SOLVERS[solver], model, x, SIGMAS, mode, **options)
    return float((ours - full).norm() / full.norm()), report


figures = st.floats(-100, 100).map(lambda value: float(f"{value:.3g}"))
names = st.text("abcdefghij0123456789_.+-", min_size=1, max_size=8).map(spoken).filter(bool)


@given(st.data())
def test_a_plan_is_read_back_from_its_text(data):
    sequence = "RR" + "".join(data.draw(st.lists(st.sampled_from("RS"), max_size=30))) + "R"
    falling = sorted(data.draw(st.sets(st.integers(1, 10**6), min_size=len(sequence), max_size=len(sequence))))[::-1]
    pairs = st.tuples(figures, figures).map(lambda two: Coefficients(*two))
    skips = sequence.count("S")
    coefficients = tuple(data.draw(st.lists(pairs, min_size=skips, max_size=skips)))
    setting = data.draw(st.dictionaries(names, names, max_size=3))
    plan = Plan(sequence, (*(sigma / 1000 for sigma in falling), 0.0), coefficients, setting)
    assert parse(str(plan)) == (sequence, plan)
    assert parse(str(plan).lower())[1] == plan  # as Config and ComfyUI's widgets may hand it on
    assert Config.parse(f" {plan} ").mode == plan.name


GOOD = "plan:RRSR@4,3,2,1,0@.5:0@cfg=5"


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("plan:", 5, "a letter a step, R or S, at least 3"),
        ("plan:RRXR", 7, "a letter a step"),
        ("plan:RSRR", 6, "R: the first two steps and the last"),
        ("plan:RRRS", 8, "R: the first two steps and the last"),
        ("plan:RRSR@4,3", 9, "@SIGMAS@COEFFICIENTS@SETTING"),
        (GOOD.replace("4,3,2,1,0", "4,3,2,0"), 10, "5 sigmas, found 4"),
        (GOOD.replace("4,3,2,1,0", "4,3,x,1,0"), 14, "5 sigmas"),
        (GOOD.replace("4,3,2,1,0", "4,3,3,1,0"), 10, "falling sigmas"),
        (GOOD.replace(".5:0", ".5"), 20, "1 pairs TREND:GUIDANCE"),
        (GOOD.replace(".5:0", ".5:nan"), 20, "1 pairs TREND:GUIDANCE"),
        (GOOD.replace(".5:0", ".5:0,1:1"), 20, "1 pairs TREND:GUIDANCE, found 2"),
        (GOOD.replace("cfg=5", "cfg"), 25, "NAME=VALUE"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_place(text, position, expected):
    with pytest.raises(ValueError, match=f"at position {position}; expected {re.escape(expected)}"):
        Config.parse(text)


def test_the_steps_are_those_of_calls_n():
    for calls in (5, 8, 12):
        _, report = apart(gaussian, f"calls:{calls}", seed=4)
        plan = planned(recording(gaussian), calls)
        assert plan.sequence == report.sequence and plan.calls == calls


def test_the_coefficients_are_the_least_squares_over_all_images():
    model, plan = Prescribed(), planned(recording(), 8)
    skips = [step for step, kind in enumerate(plan.sequence) if kind == "S"]
    for step, (trend, guidance) in zip(skips, plan.coefficients, strict=True):
        newest = plan.sequence.rindex("R", 0, step)
        older = plan.sequence.rindex("R", 0, newest)
        before, last, now = (model.epsilon(float(SIGMAS[i])) for i in (older, newest, step))
        scale = 1 / now.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
        known = torch.stack([((last - before) * scale).flatten(), (AGAINST * scale).flatten()], dim=1)
        found = torch.linalg.lstsq(known, ((now - last) * scale).flatten()[:, None]).solution.flatten()
        assert trend == pytest.approx(float(found[0]), rel=1e-4, abs=1e-4)
        assert guidance == pytest.approx(GUIDANCE_USED * float(found[1]), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("solver", ["euler", "dpmpp_2m"])
def test_where_every_run_is_alike_a_plan_is_much_better_than_none(solver):
    found = recording(gaussian, solver)
    without, _ = apart(gaussian, "calls:8", solver)
    with_plan, report = apart(gaussian, str(planned(found, 8)), solver)
    assert report.calls == 8 and report.notes == []
    assert with_plan < without / 10
    outlook = expected(found, 8)
    assert outlook.planned < outlook.unplanned / 5 and outlook.gain > 14
    assert str(expected(found, 20)).endswith("calls:20 is as good") and "as good" not in str(outlook)


def test_what_a_gap_is_taken_to_leave_is_what_it_leaves():
    """Where denoised is the same whatever the state, what a corrected gap leaves shrinks with sigma from then on."""

    def fixed(x, sigma):
        level = float(sigma.flatten()[0])
        return CURVE * math.sin(level) + BEND * level

    sigmas = torch.linspace(10, 1, 12, dtype=torch.float64)
    found = recording(fixed, sigmas=sigmas)
    coefficients = (Coefficients(0.3, 0.0), Coefficients(1.5, 0.0), Coefficients(-0.4, 0.0))
    plan = Plan("RRRRSSSRRRR", found.sigmas, coefficients, {})
    _, expected_rest = gap_errors(found, predictions(found, plan.sequence, coefficients), 3, 7)
    full = SOLVERS["euler"](fixed, 10 * START, sigmas)
    ours, report = sample(SOLVERS["euler"], fixed, 10 * START, sigmas, str(plan))
    assert report.sequence == plan.sequence and report.notes == []
    rest = (ours - full).flatten(1) / sigmas[-1] * sigmas[7]
    assert rest.norm() > 0.1
    torch.testing.assert_close(rest.norm(dim=1), expected_rest.norm(dim=1), rtol=1e-4, atol=0)


def test_a_plan_for_another_schedule_runs_in_full_and_names_both():
    text = str(planned(recording(), 8))
    x, sigmas = 10 * START, torch.linspace(9, 0, 21)
    ours, report = sample(SOLVERS["euler"], Prescribed(), x, sigmas, text)
    assert torch.equal(ours, SOLVERS["euler"](Prescribed(), x, sigmas)) and report.calls == 20
    said = "the plan was recorded over 20 steps from 10 over 5 to 0, this run is over 20 steps from 9 over 4.5 to 0"
    assert [(note.code, str(note)) for note in report.notes] == [("plan-refused", f"runs in full: {said}")]


def test_a_plan_from_another_setting_is_followed_and_a_note_says_so():
    text = str(planned(recording(setting={"cfg": "5", "model": "Flux.1 dev"}), 8))
    _, report = apart(Prescribed(), text, "dpmpp_2m", setting={"cfg": "7", "model": "Flux.1 dev"})
    assert report.sequence == parse(text)[0]
    said = "the plan was recorded with cfg 5, sampler euler; this run has cfg 7, sampler dpmpp_2m"
    assert [(note.code, str(note)) for note in report.notes] == [("plan-elsewhere", said)]


@pytest.mark.parametrize("text", ["plan:RRRSSRSSRSSRSSRSSRSR", "plan:rrrr"])
def test_a_plan_without_what_was_recorded_is_calls_n_with_a_note(text):
    error, report = apart(Prescribed(), text)
    calls = text.lower().count("r")
    assert (error, report.sequence) == (apart(Prescribed(), f"calls:{calls}")[0], report.sequence)
    assert report.calls == calls and report.notes[0].code == "plan-unrecorded"
    assert str(report.notes[0]) == f"the plan brings nothing that was recorded: calls:{calls} in its place"


def test_where_the_model_changes_calls_n_takes_the_plans_place():
    plan = planned(recording(), 8)

    def run(config):
        denoiser = begin(Prescribed(), SIGMAS, config, changes={10})
        SOLVERS["euler"](denoiser, 10 * START, SIGMAS)
        return denoiser.finish()

    ours, usual = run(Config.parse(str(plan))), run(Config.parse("calls:8"))
    assert ours.sequence == usual.sequence and ours.sequence != plan.sequence
    assert [note.code for note in ours.notes] == ["plan-set-aside"]


def test_where_the_sampler_adds_noise_calls_n_takes_the_plans_place():
    text = str(planned(recording(gaussian), 8))
    for mode in (text, "calls:8"):
        torch.manual_seed(0)
        _, report = apart(gaussian, mode, solver_options={"eta": 1.0})
        assert report.calls == 8 and report.notes[0].code == "adds-noise"


def test_after_a_change_that_nobody_foresaw_the_rest_is_planned_anew():
    denoiser = SkippingDenoiser(Prescribed(), SIGMAS, Config.parse(str(planned(recording(), 8))), flow=False)

    def follow(state):
        if state["i"] == 9:
            denoiser.forget()

    SOLVERS["euler"](denoiser, 10 * START, SIGMAS, callback=follow)
    report = denoiser.finish()
    assert report.calls == 8 and report.records[10].reason == "the model changes"


@pytest.mark.parametrize("option", [{"space": "denoised"}, {"stabilizer": "none"}, {"order": 3}, {"nodes": "index"}])
def test_an_option_that_a_plan_would_not_follow_is_refused(option):
    (name, value), text = *option.items(), str(planned(recording(), 8))
    with pytest.raises(ValueError, match=f"{name} is {value!r} beside a plan"):
        Config.parse(text, **option)


@pytest.mark.parametrize("calls", [2, 21])
def test_a_number_of_calls_that_no_plan_has_is_refused(calls):
    with pytest.raises(ValueError, match=f"{calls} calls of a run of 20 steps; expected 3 to 20"):
        planned(recording(), calls)


def test_a_setting_in_another_alphabet_is_left_out_of_the_text():
    plan = Plan("RRSR", (4.0, 3.0, 2.0, 1.0, 0.0), (Coefficients(0.5, 0.0),), {"model": "模型", "cfg": "5"})
    assert parse(str(plan))[1].setting == {"cfg": "5"}


def test_an_outlook_of_many_calls_is_thinned():
    sigmas = torch.linspace(10, 0, 41)
    found = sample(SOLVERS["euler"], gaussian, 10 * START, sigmas, "record")[1].recording
    counts = [one.calls for one in outlook(found, most=8)]
    assert len(counts) == 8 and counts[0] == 3 and counts == sorted(set(counts)) and counts[-1] < 40
    assert [one.calls for one in outlook(recording(gaussian))] == list(range(3, 20))


def test_the_vectors_of_a_recording_are_worked_out_once(monkeypatch):
    """An eigendecomposition for each gap would make an outlook take minutes."""
    found, times = recording(gaussian), []
    eigh = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda given: times.append(1) or eigh(given))
    outlook(found)
    planned(found, 8)
    assert len(times) == 1


def test_trend_and_guidance_of_a_run_share_the_plans_table():
    config = Config.parse(str(planned(recording(), 8)))
    predictor = config.make_predictor()
    term = config.make_guidance_term(False, predictor)
    first = predictor.table.at(sigma := SIGMAS[5])
    assert all(a.data_ptr() == b.data_ptr() for a, b in zip(first, term._table.at(sigma), strict=True))
