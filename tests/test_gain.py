"""A run that skipped nothing or little says why, and what its user can do."""

import pytest
from comfyui_fsampler.fsampler import Config, Decision, Policy, sample
from comfyui_fsampler.fsampler.gain import ADVICE, FEW_STEPS
from comfyui_fsampler.samplers import SOLVERS
from toys import noise, problem, schedule


def told(mode, steps, solver="euler", **options):
    """The notes of a run, by code, and its report."""
    x, sigmas = noise((1, 100, 3)), schedule(steps)
    given = {"solver_options": {"eta": 1.0}} if solver == "ancestral" else {}
    _, report = sample(SOLVERS["euler"], problem(), x, sigmas, mode, **given, **options)
    return {note.code: note.text for note in report.notes}, report


@pytest.mark.parametrize("mode", ["quality", "balanced", "fast", "turbo", "adaptive"])
def test_few_steps_are_too_few(mode):
    for steps, few in ((1, "1 step is"), (3, "3 steps are")):
        notes, report = told(mode, steps)
        assert report.calls == steps
        assert notes == {
            "too-few-steps": f"{few} too few: every call was made; take the full model and 20 steps or more"
        }


def test_a_cadence_that_fits_no_skip_into_a_few_steps():
    notes, _ = told("h2/s5", FEW_STEPS - 1)
    assert notes["too-few-steps"].startswith("7 steps are too few: every call was made")


def test_windows_over_the_whole_run_are_named():
    for options in ({"protect_first": 100}, {"protect_last": 100}, {"protect_first": 10, "protect_last": 10}):
        for mode in ("balanced", "h2/s2", "adaptive"):
            notes, report = told(mode, 20, **options)
            assert report.calls == 20
            assert notes["nothing-skipped"].startswith("the protected steps are the whole run: every call was made")
            assert "protect_first" in notes["nothing-skipped"]


def test_a_noisy_sampler_is_the_reason_and_a_number_of_calls_the_remedy():
    notes, report = told("auto:0.0001", 20, "ancestral")
    assert report.calls == 20 and "adds-noise" in notes
    assert (
        notes["nothing-skipped"] == f"the sampler adds noise, which cannot be predicted: every call was made; {ADVICE}"
    )
    assert "calls:60%" in ADVICE
    notes, report = told("calls:60%", 20, "ancestral")
    assert report.calls == 12 and {*notes} == {"adds-noise"}


def test_a_tolerance_that_nothing_fits():
    notes, report = told("auto:0.0001", 20)
    assert report.calls == 20
    assert notes == {
        "nothing-skipped": f"the model's answers change too fast for this mode: every call was made; {ADVICE}"
    }


class Estimates(Policy):
    """Skips one given step, and estimates at every one."""

    def decide(self, situation):
        return Decision(situation.step == 10, "within" if situation.step == 10 else "over", 0.5)


def test_little_is_said_to_be_little():
    notes, report = told("balanced", 20, policy=Estimates())
    assert report.calls == 19
    assert notes == {
        "little-skipped": f"the model's answers change too fast for this mode: only 1 could be skipped; {ADVICE}"
    }


class Changes(Estimates):
    """As after a change of the model at most steps."""

    def decide(self, situation):
        return Decision(False, "the model changes" if situation.step % 2 else "over", 0.5)


def test_changes_of_the_model_are_counted():
    notes, _ = told("balanced", 20, policy=Changes())
    assert notes["nothing-skipped"].startswith("the model changes 10 times within the run: every call was made")


@pytest.mark.parametrize(
    "mode, steps, code",
    [
        ("calls:20", 20, None),
        ("calls:100%", 20, None),
        ("calls:12", 8, "short-run"),
        ("h2, 10", 20, None),
        ("h2/s16", 20, None),
        ("h2, 0", 20, "nothing-skipped"),
        ("balanced", 20, None),
        ("off", 4, None),
    ],
)
def test_what_was_asked_for_is_not_little(mode, steps, code):
    notes, report = told(mode, steps)
    assert [*notes] == ([code] if code else [])
    assert Config.parse(mode).mode == report.mode


def test_a_number_of_calls_above_the_steps_is_said():
    notes, report = told("calls:12", 8)
    assert report.calls == 8 and "every call was made" in notes["short-run"]


@pytest.mark.parametrize("mode", ["balanced", "calls:12", "h2/s2", "adaptive", "h2, 4, 5", "auto:0.02"])
def test_a_reason_never_names_both_decisions(mode):
    _, report = told(mode, 20)
    by_kind = {kind: {r.reason for r in report.records if r.kind == kind} for kind in ("REAL", "SKIP")}
    assert by_kind["SKIP"] and not by_kind["REAL"] & by_kind["SKIP"]
    named = {name.removeprefix("REAL ").removeprefix("SKIP ") for name in report.reasons()}
    assert len(named) == len(report.reasons())
