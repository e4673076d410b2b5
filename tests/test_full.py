"""A run in full: every call goes through, is counted in its step, and nothing is read from the device on the way."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config, FullRun, Note, begin
from comfyui_fsampler.samplers import SOLVERS
from toys import heun, noise, problem, schedule


@pytest.mark.parametrize("solver", [SOLVERS["euler"], heun])
def test_every_evaluation_is_counted_in_its_step(solver):
    run = FullRun(problem(), schedule(8), "fast", Note("schedule-refused", "for a reason"))
    assert torch.equal(solver(run, noise(), schedule(8)), solver(problem(), noise(), schedule(8)))
    report = run.finish()
    assert report.sequence == "R" * 8 and report.calls == report.evaluations == (8 if solver is not heun else 15)
    assert report.line().endswith("calls (0 % skipped); runs in full: for a reason")
    assert report.reasons() == {"REAL in full": report.calls}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_sigmas_are_counted_in_their_steps(dtype):
    run, sigmas = FullRun(lambda x, sigma: x, schedule(20), "off"), schedule(20)
    for level in sigmas[:-1].to(dtype):
        run(noise(dtype=dtype), level.expand(2))
    records = run.finish().records
    assert [record.step for record in records] == [*range(20)]
    assert [record.sigma for record in records] == sigmas[:-1].tolist()


def test_off_says_off():
    run = begin(problem(), schedule(8), Config.parse("off"))
    SOLVERS["euler"](run, noise(), schedule(8))
    report = run.finish()
    assert report.line() == "FSampler off: 8/8 calls (0 % skipped)" and report.reasons() == {"REAL off": 8}


def test_a_rising_schedule_is_counted_by_the_nearest_sigma():
    run = FullRun(lambda x, sigma: x, [0.0, 1.0, 3.0, 7.0], "fast", Note("schedule-refused", "it rises"))
    for level in (0.01, 1.0, 2.9):
        run(noise(), torch.tensor([level, level]))
    assert [(r.step, r.kind) for r in run.finish().records] == [(0, "REAL"), (1, "REAL"), (2, "REAL")]


def test_nothing_is_read_from_the_device_before_the_end(monkeypatch):
    run, sigmas, x = FullRun(problem(), schedule(8), "off"), schedule(8), noise()
    for method in ("tolist", "item", "__float__", "__bool__", "cpu", "numpy"):

        def read(*_):
            raise AssertionError("read from the device")

        monkeypatch.setattr(torch.Tensor, method, read)
    for sigma in sigmas[:-1]:
        run(x, sigma.expand(2))
    monkeypatch.undo()
    assert run.finish().calls == 8


def test_a_schedule_changed_in_place_does_not_matter():
    sigmas = schedule(8)
    run = FullRun(problem(), sigmas, "off")
    for i in range(8):
        run(noise(), sigmas[i : i + 1])
        sigmas[i] = 1e-3
    assert [r.step for r in run.finish().records] == list(range(8))
