"""Whole runs: accuracy against the full run on the exact Gaussian problem, and what `sample` accepts."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config, Report, sample
from comfyui_fsampler.samplers import SOLVERS
from toys import Counted, noise, problem, schedule


def error(a, b):
    return float((a - b).square().mean().sqrt())


@pytest.mark.parametrize("flow", [False, True], ids=["ve", "flow"])
@pytest.mark.parametrize("solver, margin", [("euler", 5), ("dpmpp_2m", 2.5), ("lms", 1.25), ("res_2m", 2)])
def test_half_the_calls_beat_half_the_steps(solver, margin, flow):
    model, x, solve = problem(flow), noise((8, 3), flow), SOLVERS[solver]
    full = solve(model, x, schedule(24, flow))
    counted = Counted(model)
    skipped, report = sample(solve, counted, x, schedule(24, flow), "calls:12")
    fewer = solve(model, x, schedule(12, flow))
    assert report.calls == len(counted.sigmas) == 12
    assert error(skipped, full) * margin < error(fewer, full)


@pytest.mark.parametrize("flow", [False, True], ids=["ve", "flow"])
def test_correction_pays_at_equal_calls(flow):
    model, x, solve = problem(flow), noise((8, 3), flow), SOLVERS["euler"]
    full = solve(model, x, schedule(24, flow))
    with_, without = (
        error(sample(solve, model, x, schedule(24, flow), "calls:12", correct=c)[0], full) for c in (True, False)
    )
    assert with_ < 0.6 * without


def tolerance_errors(solver, flow, tolerances):
    model, x = problem(flow), noise((8, 3), flow)
    full = SOLVERS[solver](model, x, schedule(20, flow))
    return [error(sample(SOLVERS[solver], model, x, schedule(20, flow), f"auto:{t}")[0], full) for t in tolerances]


@pytest.mark.parametrize("flow", [False, True], ids=["ve", "flow"])
@pytest.mark.parametrize("solver", ["euler", "dpmpp_2m", "dpmpp_2s", "res_2s"])
def test_a_much_smaller_tolerance_ends_nearer_the_full_run(solver, flow):
    errors = tolerance_errors(solver, flow, (0.0002, 0.0032, 0.051))
    assert errors == sorted(errors) and errors[0] < 0.002, errors


def test_in_the_mean_a_smaller_tolerance_is_never_worse():
    """Mean PSNR over solvers and paths, the issue's measure; one cell alone may be off by its luck with kappa."""
    tolerances = (0.001, 0.002, 0.004, 0.008, 0.016)
    cells = [
        tolerance_errors(s, flow, tolerances)
        for s in ("euler", "dpmpp_2m", "dpmpp_2s", "res_2s")
        for flow in (False, True)
    ]
    means = torch.tensor(cells, dtype=torch.float64).clamp_min(1e-6).log10().mean(0).tolist()
    assert means == sorted(means), means


def test_a_text_a_config_and_the_default_say_the_same():
    run = lambda *mode, **options: sample(SOLVERS["euler"], problem(), noise(), schedule(12), *mode, **options)  # noqa: E731
    for pair in (
        (run(), run("balanced")),
        (run("auto", correct=False), run(Config.parse("auto", correct=False))),
        (run(None), run()),
    ):
        assert torch.equal(pair[0][0], pair[1][0]) and pair[0][1] == pair[1][1]
        assert isinstance(pair[0][1], Report)


def test_options_beside_a_config_are_refused():
    with pytest.raises(ValueError, match=r"^options \['correct'\] beside a Config; expected them in Config.parse$"):
        sample(SOLVERS["euler"], problem(), noise(), schedule(12), Config.parse("auto"), correct=False)


def test_arguments_reach_model_callback_and_solver():
    seen, steps = [], []

    def model(x, sigma, scale):
        seen.append(scale)
        return scale * x / (1 + sigma[:, None])

    result, report = sample(
        SOLVERS["lms"],
        model,
        noise(),
        schedule(10),
        "calls:6",
        extra_args={"scale": 0.5},
        callback=steps.append,
        solver_options={"order": 2},
    )
    assert seen == [0.5] * 6 and [step["i"] for step in steps] == list(range(10)) and report.calls == 6
    ab2, _ = sample(SOLVERS["ab2"], model, noise(), schedule(10), "calls:6", extra_args={"scale": 0.5})
    assert torch.equal(result, ab2)


def test_what_the_model_raises_comes_through():
    def model(x, sigma):
        raise KeyError("no such layer")

    with pytest.raises(KeyError, match="no such layer"):
        sample(SOLVERS["euler"], model, noise(), schedule(10))
