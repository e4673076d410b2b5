"""Why a run skipped nothing or little, and what its user can do about it."""

from .notes import Note
from .policies import OPENING, Policy
from .report import Report

FEW_STEPS = 8  # up to so many, the presets' opening and its back-tests are most of the run
LITTLE = 0.1  # a smaller share of the evaluations than this is little for a mode that chooses the steps itself
WINDOWS = {"warm-up", "protected first", "protected last"}  # reasons of steps that no mode skips
ADVICE = "name a number of calls, such as calls:60%, to skip all the same"


def remark(report: Report, policy: Policy) -> Note | None:
    """A ``Note`` for a finished run that skipped little; None where enough was skipped, where the user has asked for
    that many calls, and where another note has said already why it is in full.

    What a policy estimates it could have skipped; of a mode that lists or counts its steps, only nothing is too little.
    """
    reasons = {record.reason for record in report.records}
    said = "in full" in reasons or any(note.code == "short-run" for note in report.notes)
    if not reasons or said or policy.keeps_count:
        return None
    skipped = report.evaluations - report.calls
    estimates = any(record.estimate is not None for record in report.records)
    if skipped >= (LITTLE * report.evaluations if estimates else 1):
        return None
    steps, result = report.steps, f"only {skipped} could be skipped" if skipped else "every call was made"
    if not skipped and reasons <= WINDOWS and steps > OPENING + 1:
        text = f"the protected steps are the whole run: {result}; lower protect_first or protect_last"
        return Note("nothing-skipped", text)
    if steps <= FEW_STEPS:
        few = "1 step is" if steps == 1 else f"{steps} steps are"
        return Note("too-few-steps", f"{few} too few: {result}; take the full model and 20 steps or more")
    return Note("little-skipped" if skipped else "nothing-skipped", f"{_why(report)}: {result}; {ADVICE}")


def _why(report: Report) -> str:
    changes = len({record.step for record in report.records if record.reason == "the model changes"})
    if any(note.code == "adds-noise" for note in report.notes):
        return "the sampler adds noise, which cannot be predicted"
    if not any(record.estimate is not None for record in report.records):
        return "the mode skips none of these steps"
    if changes:
        return f"the model changes {'once' if changes == 1 else f'{changes} times'} within the run"
    return "the model's answers change too fast for this mode"
