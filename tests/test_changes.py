"""The model changes under way, and a run that ends before the end: what a pipeline of stages needs."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config, Situation, SkippingDenoiser
from comfyui_fsampler.samplers import SOLVERS
from toys import noise, problem, schedule

MODES = ["h2/s2", "h3/s3", "adaptive", "balanced", "auto:0.5", "calls:10", "calls:14"]


def run(mode, sigmas, model=None, during=None, **circumstances):
    """The state at the end and the report of an Euler run; ``during(denoiser, i)`` is called after every step."""
    denoiser = SkippingDenoiser(model or problem(), sigmas, Config.parse(mode), **circumstances)
    callback = None if during is None else lambda info: during(denoiser, info["i"])
    return SOLVERS["euler"](denoiser, noise(), sigmas, callback=callback), denoiser.finish()


@pytest.mark.parametrize("mode", MODES)
def test_a_step_at_which_the_model_changes_is_real_and_so_is_the_next(mode):
    _, plain = run(mode, schedule(20))
    change = plain.sequence.index("S", 6)  # a step it would have skipped
    _, report = run(mode, schedule(20), changes={change})
    assert report.sequence[change : change + 2] == "RR" and report.records[change].reason == "the model changes"
    assert "S" in report.sequence[change:]  # it goes on skipping with what came after


@pytest.mark.parametrize("mode", MODES)
def test_forget_does_the_same_from_outside(mode):
    _, plain = run(mode, schedule(20))
    change = plain.sequence.index("S", 6)

    def during(denoiser, i):
        if i == change - 1:
            denoiser.forget()

    _, report = run(mode, schedule(20), during=during)
    assert report.sequence[:change] == plain.sequence[:change] and report.sequence[change : change + 2] == "RR"
    assert report.records[change].reason == "the model changes"


def test_nothing_from_before_the_change_is_used():
    """A model that is one constant before the change and another after: a line through the later values is exact."""
    sigmas = schedule(20)

    def model(x, sigma):
        return torch.full_like(x, 1.0 if float(sigma[0]) > float(sigmas[9]) * 1.0001 else 5.0)

    def result(**circumstances):
        denoiser = SkippingDenoiser(model, sigmas, Config.parse("h2, 9, 10, 11, 12", space="denoised"), **circumstances)
        seen = []
        SOLVERS["euler"](denoiser, noise(), sigmas, callback=lambda info: seen.append(float(info["denoised"].mean())))
        return denoiser.finish().sequence, seen

    sequence, seen = result(changes={9})
    assert sequence == "R" * 11 + "SS" + "R" * 7 and seen == pytest.approx([1.0] * 9 + [5.0] * 11)
    sequence, seen = result()
    assert sequence == "R" * 9 + "SSSS" + "R" * 7 and seen[9] == pytest.approx(1.0)


@pytest.mark.parametrize("calls", [8, 10, 12, 15])
def test_a_budget_is_kept_over_a_change(calls):
    for changes in ({5}, {9}, {13}, {18}, {6, 7}):
        assert run(f"calls:{calls}", schedule(20), changes=changes)[1].calls == calls


@pytest.mark.parametrize("mode", MODES)
def test_an_open_end_may_be_skipped_and_a_closed_one_is_not(mode):
    """Some places to cut the schedule let the last step be skipped; the same steps run to 0 never do."""
    whole = schedule(30)
    assert "S" in {run(mode, whole[: steps + 1])[1].sequence[-1] for steps in range(14, 24)}
    for steps in range(14, 24):
        assert run(mode, torch.cat([whole[:steps], whole[-1:]]))[1].sequence[-1] == "R"


def test_calls_are_exact_with_an_open_end():
    for calls in range(5, 16):
        assert run(f"calls:{calls}", schedule(30)[:16])[1].calls == calls


def test_the_path_is_taken_as_told_not_guessed():
    """The same sigmas within [0, 1], planned as a VE schedule (img2img) and as flow time."""
    sigmas = schedule(40)[schedule(40) <= 1]
    guessed, flow, ve = (run("calls:7", sigmas, flow=flow)[1].sequence for flow in (None, True, False))
    assert guessed == flow != ve


def after_the_change(mode, old, change, new, foreseen):
    """The answers from step ``change`` on, at states that do not depend on what came before."""
    sigmas = schedule(20)
    current = [old]
    denoiser = SkippingDenoiser(
        lambda x, sigma: current[0](x, sigma), sigmas, Config.parse(mode), changes={change} if foreseen else ()
    )
    answers = []
    for step, sigma in enumerate(sigmas[:-1]):
        if step == change:
            current[0] = new
            if not foreseen:
                denoiser.forget()
        answers.append(denoiser(noise() * sigma / 14.6, sigma.expand(2)))
    return torch.stack(answers[change:]), denoiser.finish().sequence


@pytest.mark.parametrize("foreseen", [True, False])
@pytest.mark.parametrize("mode", ["h2/s2", "h3/s3", "adaptive", "calls:10", "calls:14"])
def test_no_answer_after_a_change_rests_on_what_the_old_model_said(mode, foreseen):
    olds = (problem(), lambda x, sigma: x / (1 + sigma[:, None] ** 2))
    (first, plan), (second, other) = (after_the_change(mode, old, 8, problem(), foreseen) for old in olds)
    assert plan[8:] == other[8:] and "S" in plan[8:]
    assert torch.equal(first, second)


@pytest.mark.parametrize("foreseen", [True, False])
@pytest.mark.parametrize("mode", ["balanced", "auto:0.5"])
def test_a_tolerance_skips_again_only_once_the_new_model_has_shown_its_curvature(mode, foreseen):
    """Three REAL steps of the new model: two values, and the one that tests them; the last step before knew nothing."""
    _, sequence = after_the_change(mode, problem(), 8, problem(), foreseen)
    assert sequence[8:11] == "RRR" and "S" in sequence[11:], sequence


def test_what_comes_is_planned_by_the_new_models_curvature_and_the_past_stays_charged():
    sigmas, real = tuple(schedule(20).tolist()), (0, 1, 2, 3, 6, 9, 10, 11)
    policy = Config.parse("auto:0.05").policy

    def estimate(before, after, since=9):
        seen = {step: before if step < 9 else after for step in real[2:]}
        return policy.decide(Situation(12, sigmas, real, 0, None, seen, model_since=since)).estimate

    assert estimate(5.0, 0.1, since=0) > estimate(5.0, 0.1) > estimate(0.1, 0.1)  # the gaps at 4, 5 and 7, 8 cost more
    assert estimate(0.1, 0.1) == estimate(0.1, 0.1, since=0)  # where nothing has changed it is all the same
