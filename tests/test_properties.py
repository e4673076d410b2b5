"""What must hold for any mode, schedule, shape and solver (hypothesis)."""

import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toys import Counted, heun, heunpp2, leaping, noise, schedule

QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
PER_STEP = {"dpmpp_2s": 2, "res_2s": 2}


def stiff(strength):
    """A finite model that reacts to x, not linearly, and to sigma; strength 0 is smooth."""

    def model(x, sigma):
        s = sigma.reshape(-1, *[1] * (x.ndim - 1)).to(x)
        return torch.tanh(x / (1 + s)) + strength * torch.sin(3 * x) / (1 + s)

    return model


@st.composite
def schedules(draw, least=1, most=24):
    if draw(st.booleans()):
        return schedule(draw(st.integers(least, most)), draw(st.booleans()))
    drops = draw(st.lists(st.floats(0.02, 3), min_size=least, max_size=most))
    logs = torch.tensor(drops, dtype=torch.float64).cumsum(0)
    sigmas = draw(st.floats(0.1, 80)) * torch.exp(
        torch.cat([torch.zeros(1, dtype=torch.float64), -logs * 6 / (6 + logs[-1])])
    )
    return torch.cat([sigmas[:-1], torch.zeros(1)]).float() if draw(st.booleans()) else sigmas.float()


def modes(steps):
    """Texts of every kind that a run of that many steps accepts (calls:N apart)."""
    return st.one_of(
        st.builds("h{}/s{}".format, st.integers(2, 4), st.integers(1, 6)),
        st.sampled_from(["off", "adaptive", "quality", "balanced", "fast", "turbo", "auto"]),
        st.builds("auto:{:.6f}".format, st.floats(1e-4, 0.9)),
        st.builds("calls:{}%".format, st.integers(1, 100)),
        st.builds(
            lambda n, i: f"h{n}, {', '.join(map(str, i))}",
            st.integers(2, 4),
            st.lists(st.integers(0, steps - 1), min_size=1),
        ),
    )


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "order": st.integers(2, 4),
        "space": st.sampled_from(["auto", "epsilon", "residual", "denoised"]),
        "nodes": st.sampled_from(["sigma", "index"]),
        "protect_first": st.integers(0, 6),
        "protect_last": st.integers(0, 6),
        "anchor_interval": st.integers(0, 5),
        "max_consecutive_skips": st.integers(1, 8),
        "correct": st.booleans(),
        "stabilizer": st.sampled_from(["none", "trend", "learning", "gradient", "learning+gradient"]),
        "beta": st.floats(0, 1),
        "gamma": st.floats(1, 5),
    },
)
SHAPES = st.sampled_from([(1, 3), (3, 2), (2, 4, 5), (2, 4, 3, 3), (1, 2, 2, 3, 3)])


@QUICK
@given(data=st.data(), sigmas=schedules(), options=OPTIONS, shape=SHAPES, strength=st.sampled_from([0.0, 0.5, 3.0]))
def test_any_run_is_finite_within_its_windows_and_never_dearer(data, sigmas, options, shape, strength):
    steps = len(sigmas) - 1
    mode = data.draw(modes(steps))
    name = data.draw(st.sampled_from(sorted(SOLVERS)))
    x = noise(shape, dtype=torch.float64).float() * float(sigmas[0]) / 14.6
    bare, counted = Counted(stiff(strength)), Counted(stiff(strength))
    full = SOLVERS[name](bare, x, sigmas)
    result, report = sample(SOLVERS[name], counted, x, sigmas, mode, **options)
    assert len(counted.sigmas) == report.calls <= len(bare.sigmas) == report.evaluations
    assert result.isfinite().all() and result.shape == x.shape and result.dtype == x.dtype
    assert len(report.sequence) == steps
    ours = mode[0] in "abcfqt" and mode != "adaptive"
    if not mode.startswith("h") or "/" in mode:  # explicit indices override the windows
        opening = 4 if ours and not mode.startswith("calls") else 2
        first, last = options.get("protect_first", opening), options.get("protect_last", 1)
        assert "S" not in report.sequence[:first]
        assert not last or sigmas[-1] > 0 or "S" not in report.sequence[-last:]  # an open end is not protected
    assert "S" not in report.sequence[:2]
    if report.calls == report.evaluations:
        assert torch.equal(result, full)
    again, second = sample(SOLVERS[name], stiff(strength), x, sigmas, mode, **options)
    assert torch.equal(result, again) and second == report  # nothing is carried over, nothing is random
    if PER_STEP.get(name, 1) == 2 and not any("rejected" in record.reason for record in report.records):
        for step in range(steps):
            assert len({record.kind for record in report.records if record.step == step}) == 1


@QUICK
@given(data=st.data(), sigmas=schedules(), protect_first=st.integers(0, 6), protect_last=st.integers(0, 6))
def test_a_number_of_calls_is_kept_exactly(data, sigmas, protect_first, protect_last):
    steps = len(sigmas) - 1
    least = min(steps, max(protect_first, 2) + max(protect_last, 1))
    calls = data.draw(st.integers(least, steps))
    name, strength = data.draw(st.sampled_from(sorted(SOLVERS))), data.draw(st.sampled_from([0.0, 1.0, 30.0]))
    x = noise((2, 4)) * float(sigmas[0]) / 14.6
    _, report = sample(
        SOLVERS[name],
        stiff(strength),
        x,
        sigmas,
        f"calls:{calls}",
        protect_first=protect_first,
        protect_last=protect_last,
    )
    assert report.sequence.count("R") == calls
    assert "S" not in report.sequence[: max(protect_first, 2)]
    assert "S" not in report.sequence[-max(protect_last, 1) :] or sigmas[-1] > 0  # an open end is not protected


@QUICK
@given(data=st.data(), sigmas=schedules(), options=OPTIONS, solver=st.sampled_from([heun, heunpp2, leaping]))
def test_solvers_from_elsewhere(data, sigmas, options, solver):
    steps = len(sigmas) - 1
    if solver is leaping and steps < 12:
        return
    sigmas = torch.cat([sigmas[:-1], torch.zeros(1)])
    mode = data.draw(modes(steps))
    x = noise((2, 4)) * float(sigmas[0]) / 14.6
    bare, counted = Counted(stiff(0.5)), Counted(stiff(0.5))
    solver(bare, x, sigmas)
    result, report = sample(solver, counted, x, sigmas, mode, **options)
    assert len(counted.sigmas) == report.calls <= len(bare.sigmas)
    assert result.isfinite().all()


@QUICK
@given(data=st.data(), sigmas=schedules(least=4), seed=st.integers(0, 9))
def test_an_ancestral_run_depends_on_its_seed_alone(data, sigmas, seed):
    mode = data.draw(modes(len(sigmas) - 1))
    x = noise((2, 4)) * float(sigmas[0]) / 14.6

    def run():
        torch.manual_seed(seed)
        return sample(SOLVERS["euler"], stiff(0.5), x, sigmas, mode, solver_options={"eta": 1.0})

    (first, report), (second, other) = run(), run()
    assert torch.equal(first, second) and report == other and first.isfinite().all()
