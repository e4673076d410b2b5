"""The times of a run: on a clock that only the model and the transfers move, the factor is known exactly."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config, Note, Report, begin, timing
from comfyui_fsampler.fsampler.report import Record
from toys import noise, problem, schedule

CALL, STEP = 3.0, 0.25  # seconds of a model call, and of all else in an evaluation


@pytest.fixture
def clock(monkeypatch):
    """Seconds, as a list of one number."""
    now = [100.0]
    monkeypatch.setattr(timing, "perf_counter", lambda: now[0])
    return now


def run(clock, mode, steps=20, first=0.0, broken_at=None):
    """A run of Euler on that clock; the first call takes ``first`` seconds more."""
    model, sigmas, x, calls = problem(), schedule(steps), noise(), 0

    def timed(x, sigma):
        nonlocal calls
        clock[0] += CALL + (first if calls == 0 else 0)
        calls += 1
        return model(x, sigma)

    denoiser = begin(timed, sigmas, Config.parse(mode))
    for i, (sigma, following) in enumerate(zip(sigmas, sigmas[1:], strict=False)):
        if i == broken_at:
            denoiser.in_full(Note("sigma-rises", "made up"))
        denoised = denoiser(x, sigma.expand(len(x)))
        clock[0] += STEP  # the sampler's own work
        x = denoised + (x - denoised) * (following / sigma)
    return denoiser.finish(), calls


@pytest.mark.parametrize("mode", ["balanced", "calls:12", "h2/s2", "turbo"])
@pytest.mark.parametrize("first", [0.0, 60.0])
def test_the_factor_is_what_the_full_run_would_take(clock, mode, first):
    report, calls = run(clock, mode, first=first)
    took = calls * CALL + 20 * STEP + first
    assert calls < 20 and report.seconds == pytest.approx(took)
    assert report.speedup == pytest.approx((20 * (CALL + STEP) + first) / took)
    assert report.saved == pytest.approx((20 - calls) * CALL)
    assert report.to_dict()["seconds"] == report.seconds and report.to_dict()["speedup"] == report.speedup


@pytest.mark.parametrize("mode", ["off", "calls:20"])
def test_a_run_without_a_skip_saves_nothing(clock, mode):
    report, _ = run(clock, mode)
    assert (report.seconds, report.speedup, report.saved) == (20 * (CALL + STEP), 1.0, 0.0)
    assert "x," not in report.line() and report.outcome() == "20 of 20 calls"


def test_a_run_whose_rest_is_in_full_counts_the_skips_before(clock):
    report, calls = run(clock, "h2/s2", broken_at=10)
    assert report.sequence.endswith("R" * 10) and 10 < calls < 20
    assert report.seconds == pytest.approx(calls * CALL + 20 * STEP)
    assert report.saved == pytest.approx((20 - calls) * CALL)


def test_a_run_that_asked_nothing_has_no_times():
    for mode in ("balanced", "off"):
        report = begin(problem(), schedule(20), Config.parse(mode)).finish()
        assert report.seconds is None and report.speedup is None and report.saved == 0


def report_of(seconds, speedup):
    records = [Record(i, 1.0, kind, "planned call") for i, kind in enumerate(["REAL", "REAL", "SKIP"])]
    return Report("fast", 3, records, seconds=seconds, speedup=speedup)


@pytest.mark.parametrize(
    "seconds, speedup, told",
    [
        (11.25, 1.8, ", 1.8x, about 9 s saved"),
        (100.0, 1.5, ", 1.5x, about 50 s saved"),
        (10.0, 0.9, ", 0.9x, about 1 s lost"),
        (1.0, 1.05, ""),
        (10.0, None, ""),
        (None, None, ""),
    ],
)
def test_the_words(seconds, speedup, told):
    report = report_of(seconds, speedup)
    assert report.line() == f"FSampler fast: 2/3 calls (33 % skipped){told}"
    report.notes.append(Note("adds-noise", "a note"))
    assert report.outcome() == f"2 of 3 calls{told}\na note"


def test_progress_is_the_step_and_the_calls():
    denoiser, sigmas = begin(problem(), schedule(20), Config.parse("h2/s2")), schedule(20)
    assert denoiser.progress() == "step 0 of 20, 0 calls"
    x, said = noise(), []
    for sigma in sigmas[:6]:
        denoiser(x * float(sigma / sigmas[0]), sigma.expand(len(x)))
        said.append(denoiser.progress())
    assert said[:5] == [f"step {n} of 20, {n} call{'s' * (n > 1)}" for n in (1, 2, 3, 4)] + ["step 5 of 20, 4 calls"]
    denoiser.in_full(Note("sigma-rises", "made up"))
    denoiser(x, sigmas[6].expand(len(x)))
    assert denoiser.progress() == "6 calls, the rest in full"


def test_the_full_run_counts_its_calls():
    denoiser = begin(problem(), schedule(4), Config.parse("off"))
    denoiser(noise(), schedule(4)[0].expand(len(noise())))
    assert denoiser.progress() == "1 call, in full"


def test_timing_waits_for_nothing(monkeypatch):
    """As many transfers with times as an evaluation makes by itself: one, and one for the last answer."""
    made = []
    to_list = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda self: made.append(1) or to_list(self))
    config, sigmas = Config.parse("h2/s2"), schedule(20)
    model = problem()
    begun = begin(model, sigmas, config)
    x = noise()
    made.clear()
    for sigma, following in zip(sigmas, sigmas[1:], strict=False):
        denoised = begun(x, sigma.expand(len(x)))
        x = denoised + (x - denoised) * (following / sigma)
    begun.finish()
    assert len(made) == 21
