"""Published rivals, each formula against a closed form: ``research/rivals``."""

import dataclasses
import doctest
import functools
import itertools
import math

import pytest
import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.fsampler.history import History
from comfyui_fsampler.fsampler.predictors import BackTest
from comfyui_fsampler.fsampler.query import Query
from comfyui_fsampler.samplers import SOLVERS
from fsampler_research.rivals import budcache, dpcache, meancache, pfdiff, spectrum, steps, vde, zeus
from fsampler_research.rivals.hold import Hold
from fsampler_research.rivals.recording import record
from fsampler_research.rivals.shortest_path import cheapest_path

SIGMAS = torch.linspace(1, 0, 21, dtype=torch.float64)
NOISE = torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def told(velocity):
    """A model whose epsilon is a function of state and sigma."""
    return lambda x, sigma: x - sigma.view(-1, 1, 1, 1) * velocity(x, sigma.view(-1, 1, 1, 1))


def run(predictor, real, velocity, sigmas=SIGMAS, space="epsilon"):
    """Final latents with a predictor at some REAL steps, and the report."""
    policy = steps.AtSteps(frozenset(real))
    options = {"policy": policy, "predictor": predictor, "space": space, "correct": False}
    return sample(SOLVERS["euler"], told(velocity), NOISE, sigmas, **options)


def full(velocity, sigmas=SIGMAS):
    return SOLVERS["euler"](told(velocity), NOISE, sigmas)


def index(sigma):
    """The step number of ``SIGMAS``, as a function of sigma."""
    return 20 * (1 - sigma)


def curved(x, sigma):
    return (3 * sigma + x).sin()


# -- which steps -------------------------------------------------------------------------------------------------------


def test_the_engine_makes_the_given_steps_real_and_no_other():
    real = (0, 1, 4, 9, 19)
    _, report = run(Hold, real, curved)
    assert report.sequence == "".join("R" if step in real else "S" for step in range(20))


def test_a_rejected_prediction_costs_no_call():
    class Wild(Hold):
        def value(self, history, query):
            return 1e3 * history.newest.value

    _, report = run(Wild, (0, 1, 19), curved)
    assert report.calls == 3 and sum("held" in record.reason for record in report.records) == 17


@pytest.mark.parametrize("calls", range(4, 21))
@pytest.mark.parametrize(
    "rule",
    [
        vde.steps,
        zeus.steps,
        functools.partial(spectrum.steps, spectrum.CPP),
        functools.partial(spectrum.steps, spectrum.NODE),
    ],
    ids=["vde", "zeus", "sd.cpp", "node"],
)
def test_a_rule_makes_as_many_calls_as_asked(rule, calls):
    if calls < 6 and isinstance(rule, functools.partial) and rule.args[0] is spectrum.NODE:
        with pytest.raises(ValueError, match=f"^{calls} calls of 20 steps"):  # its last fifth is REAL
            rule(20, calls)
        return
    real = rule(20, calls)
    assert len(real) == len(set(real)) == calls
    assert real[:2] == (0, 1) and real[-1] == 19 and list(real) == sorted(real)


def test_published_steps():
    """VDE's first setting on FLUX.1-dev; ZEUS's, with two of three steps skipped between 10 and 45 of 50."""
    assert vde.steps(50, 22) == (*range(7), *range(9, 49, 3), 49)
    assert zeus.steps(50, 27) == (*range(10), *range(11, 45, 3), *range(45, 50))


def test_the_windows_grow():
    node = spectrum.windowed(30, 5, spectrum.NODE, 3)
    assert node == (0, 1, 2, 3, 4, 10, *range(24, 30))  # by hand: 3, 3.75, 4.5, 5.25, 6, 6.75 at the steps 5 to 10
    cpp = spectrum.windowed(20, 4, spectrum.CPP, 2)
    assert cpp == (0, 1, 2, 3, 5, 7, 10, 13, 17, 18, 19)


# -- what they predict -------------------------------------------------------------------------------------------------


def test_hold_is_one_long_step():
    held, _ = run(Hold, (0, 1, 5, 6, 12, 19), curved)
    torch.testing.assert_close(held, full(curved, SIGMAS[[0, 1, 5, 6, 12, 19, 20]]))


def test_zeus_is_exact_on_a_straight_line_in_the_step_number():
    def line(x, sigma):
        return 1 + 0.1 * index(sigma) + 0 * x

    every_second = (0, *range(1, 20, 2))
    made, report = run(zeus.LineInTurns, (*range(4), 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 19), line)
    torch.testing.assert_close(made, full(line))
    assert report.calls == 15
    late, _ = run(zeus.LineInTurns, every_second, line)
    assert not torch.allclose(late, full(line))  # after a gap the line is read as if there had been none


def test_zeus_takes_turns_and_never_extrapolates_a_prediction():
    seen, predictor = [], zeus.LineInTurns()

    class Watched(type(predictor)):
        def value(self, history, query):
            made = super().value(history, query)
            seen.append((float(made.flatten()[0]), [float(entry.value.flatten()[0]) for entry in history.entries]))
            return made

    run(Watched, (0, 1, 2, 6, 19), curved)
    for gap, (made, (before, last)) in zip((1, 2, 3), seen[1:4], strict=True):
        assert made == (2 * last - before if gap % 2 else last)


def test_vde_is_exact_where_the_velocity_keeps_its_angle():
    across = torch.roll(NOISE, 1, -1) - torch.roll(NOISE, -1, -1)  # at right angles to the state
    across = across / norms(across)

    def velocity(x, sigma):
        return (0.3 + 0.2 * sigma) * x + (0.5 - 0.4 * sigma) * norms(x) * across

    a, b, u = vde.split(velocity(NOISE, 0.5), NOISE)
    for part, expected in ((a, torch.full_like(a, 0.4)), (b, torch.full_like(b, 0.3)), (u, across)):
        torch.testing.assert_close(part, expected)
    predictor = vde.DirectionAndSize()
    for sigma in (0.9, 0.7):
        predictor.learn(None, BackTest(NOISE, sigma, NOISE, velocity(NOISE, sigma)))
    for state in (NOISE, 2 * NOISE):  # the state as it is now scales both parts
        query = Query(state, SIGMAS[16:17], {}, state, SIGMAS[16])
        torch.testing.assert_close(predictor.value(None, query), velocity(state, 0.2))


def norms(x):
    return x.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def test_vde_looks_at_each_image_alone():
    both, alone = (vde.split(x.cos(), x) for x in (NOISE, NOISE[1:]))
    for one, other in zip(both, alone, strict=True):
        torch.testing.assert_close(one[1:], other)


@pytest.mark.parametrize("length", [1, 2, 3, 6])
def test_meancache_follows_a_share_of_a_slope_that_nears_a_half(length):
    """On ``v = 2 sigma`` Euler's mean over K steps is that of K values, so the share is ``(K - 1) / 2 K``."""
    path = [meancache.Point(1 - 0.1 * i, torch.tensor(0.0), torch.tensor(2 * (1 - 0.1 * i))) for i in range(6)]
    states = list(itertools.accumulate((-0.1 * point.value for point in path), initial=torch.tensor(0.0)))
    path = [point._replace(state=state) for point, state in zip(path, states, strict=False)]
    made = meancache.next_value(path, length, states[-1], 0.4, 0.3)
    share = (length - 1) / (2 * length)
    assert float(made) == pytest.approx(1.0 - share * 2 * 0.1)


def test_meancache_with_k_1_is_hold():
    real = (0, 1, 4, 9, 19)
    held, mean = (run(p, real, curved)[0] for p in (Hold, lambda: meancache.MeanVelocity(LEVELS, {})))
    torch.testing.assert_close(mean, held)


def test_meancache_counts_predicted_steps_as_steps_taken():
    """By hand: REAL at 0, 1, 2 and 5, K = 2 in between, Euler."""
    sigmas, x, path = SIGMAS.tolist(), NOISE, []
    for i in range(20):
        value = curved(x, sigmas[i])
        if i in (3, 4):
            (s, x_start, v_start), (_, _, v_before) = path[-2:]
            slope = (v_start - (x - x_start) / (sigmas[i] - s)) / (sigmas[i] - s)
            value = v_before - slope * (sigmas[i + 1] - sigmas[i])
        path.append((sigmas[i], x, value))
        x = x + value * (sigmas[i + 1] - sigmas[i])
    made, _ = run(lambda: meancache.MeanVelocity(LEVELS, {3: 2, 4: 2}), {*range(20)} - {3, 4}, curved)
    torch.testing.assert_close(made, x)


LEVELS = tuple(SIGMAS.tolist())


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_spectrum_is_exact_on_polynomials_of_its_degree(degree):
    """Without the ridge, and all of it fit; one degree more is not."""
    settings = dataclasses.replace(spectrum.NODE, fit=1.0, degree=degree, ridge=0.0)
    predictor = functools.partial(spectrum.Ridge, settings, LEVELS)
    real = (*range(8), 9, 12, 13, 17, 18, 19)
    for power, exact in ((degree, True), (degree + 1, False)):

        def polynomial(x, sigma, power=power):
            return 1 + (index(sigma) / 10 - 1) ** power + 0 * x

        made, _ = run(predictor, real, polynomial)
        assert torch.allclose(made, full(polynomial), rtol=1e-4) == exact


def test_spectrum_blends_fit_and_trend():
    """All of the ridge leaves the trend alone: ``(1 - w) (v_0 + c (v_0 - v_1))``."""
    settings = dataclasses.replace(spectrum.CPP, ridge=1e12)
    history = History("epsilon", 6, "sigma")
    for i, sigma in enumerate((1.0, 0.95, 0.9)):
        history.append(sigma, torch.full((1, 1), float(i)), sigma)
    made = spectrum.Ridge(settings, LEVELS).value(history, Query(NOISE, SIGMAS[3:4], {}, NOISE, SIGMAS[3]))
    assert float(made) == pytest.approx(0.6 * (2 + 0.5), abs=1e-6)


def test_the_line_in_the_step_number():
    def line(x, sigma):
        return 1 + 0.1 * index(sigma) + 0 * x

    made, _ = run(lambda: dpcache.FirstOrder(LEVELS), (0, 2, 1, 6, 11, 19), line)
    torch.testing.assert_close(made, full(line))


# -- PFDiff ------------------------------------------------------------------------------------------------------------


def test_pfdiff_makes_half_the_calls():
    asked = []

    def model(x, sigma):
        asked.append(float(sigma[0]))
        return x / 2

    sigmas = torch.linspace(1, 0, 20)
    pfdiff.sample_pfdiff(model, torch.ones(1, 1), sigmas)
    assert asked == pytest.approx([1.0, *sigmas[2:-1:2].tolist()]) and len(asked) == 10
    with pytest.raises(ValueError, match="^20 steps; expected an odd number"):
        pfdiff.sample_pfdiff(model, torch.ones(1, 1), torch.linspace(1, 0, 21))


def test_pfdiff_is_of_second_order():
    def model(x, sigma):
        return x / (1 + sigma.view(-1, 1) ** 2)  # unit Gaussian data: x shrinks as (1 + sigma^2)^(1/2)

    errors = []
    for count in (41, 81):
        x = pfdiff.sample_pfdiff(
            model, torch.ones(1, 1, dtype=torch.float64), torch.linspace(3, 1, count + 1, dtype=torch.float64)
        )
        errors.append(abs(float(x) - 0.2**0.5))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)


def test_pfdiff_takes_the_most_steps_that_its_calls_allow():
    def few(count):  # a schedule that makes two steps less than asked
        return torch.linspace(1, 0, max(count - 2, 1) + 1)

    assert len(pfdiff.schedule(lambda count: torch.linspace(1, 0, count + 1), 8)) == 16
    assert len(pfdiff.schedule(few, 8)) == 16


# -- plans -------------------------------------------------------------------------------------------------------------


def test_the_cheapest_path_is_the_best_of_all():
    costs = torch.rand(8, 8, 8, generator=torch.Generator().manual_seed(1))
    for calls in range(3, 9):
        every = [(0, 1, *middle, 7) for middle in itertools.combinations(range(2, 7), calls - 3)]
        spent = {real: sum(costs[gap] for gap in zip(real, real[1:], real[2:], strict=False)) for real in every}
        assert cheapest_path(costs, calls) == min(spent, key=spent.get)
    with pytest.raises(ValueError, match="^2 calls of 8 steps; expected 3 to 8"):
        cheapest_path(costs, 2)


@pytest.fixture(scope="module")
def recording():
    return record(SOLVERS["euler"], told(curved), NOISE, SIGMAS)


def test_a_recording_is_the_full_run(recording):
    assert recording.states.shape == recording.values.shape == (20, 2, 1, 8, 8)
    end = recording.states[-1] + recording.values[-1] * (SIGMAS[-1] - SIGMAS[-2])
    torch.testing.assert_close(end, full(curved))
    with pytest.raises(ValueError, match="^39 evaluations in 20 steps"):
        record(SOLVERS["res_2s"], told(curved), NOISE, SIGMAS)


@pytest.mark.parametrize("order", [0, 1])
def test_costs_of_gaps_are_what_the_prediction_is_off(recording, order):
    costs = dpcache.gap_costs(recording, order)
    for before, last, end in ((0, 1, 4), (2, 5, 8), (3, 9, 10)):
        values, spent = recording.values, 0.0
        for i in range(last + 1, end):
            share = order * (i - last) / (last - before)
            off = values[last] + share * (values[last] - values[before]) - values[i]
            spent += float(off.flatten(1).norm(dim=1).mean() * 0.05)
        assert float(costs[before, last, end]) == pytest.approx(spent, abs=1e-9)


def test_meancache_costs_one_gap_alone(recording):
    """The cost of a gap is what a run that skips nothing else is off when it ends, for the best K."""
    costs, lengths = meancache.gap_costs(recording)
    tried = {}
    for length in range(1, 7):
        sigmas = SIGMAS[:11]  # up to the beginning of step 10
        predictor = functools.partial(meancache.MeanVelocity, tuple(sigmas.tolist()), dict.fromkeys((7, 8, 9), length))
        made, _ = run(predictor, range(7), curved, sigmas)
        tried[length] = float((made - recording.states[10]).abs().mean())
    # On, the answers are those of the recorded run, so what is left is what the gap's own velocities were off.
    assert int(lengths[6, 10]) == min(tried, key=tried.get)
    assert float(costs[6, 10]) == pytest.approx(min(tried.values()), rel=1e-6)
    assert meancache.by_step(lengths, (0, 1, 6, 10, 19))[8] == int(lengths[6, 10])


def test_meancache_suppresses_peaks():
    """One gap of cost 3 loses to two of cost 2, which together cost more."""
    costs = torch.zeros(6, 6)
    costs[1, 3], costs[3, 5], costs[1, 4] = 2.0, 2.0, 3.0
    costs[1, 5], costs[1, 2], costs[2, 5], costs[2, 4], costs[2, 3] = 99.0, 9.0, 9.0, 9.0, 9.0
    assert meancache.steps(costs, 4) == (0, 1, 3, 5)


# -- the search in hindsight -------------------------------------------------------------------------------------------


def test_the_search_finds_the_best_set_of_a_small_run():
    prices = {step: (step * 7 % 11) / 10 + 0.05 for step in range(12)}

    def loss(real):
        return sum(price for step, price in prices.items() if step not in real) ** 2

    best = min(((0, 1, *rest) for rest in itertools.combinations(range(2, 12), 4)), key=loss)
    found = budcache.search(loss, 12, [(0, 1, 2, 3, 4, 5)], 200)
    assert found == best


def test_the_search_ends_where_no_step_nearby_is_better():
    """The differences are small beside the loss, so that annealing alone is a walk at random."""

    def loss(real):
        return 1000 + sum(math.sin(3.7 * step) for step in real)

    found = budcache.search(loss, 40, [tuple(range(8))], 300)
    assert all(loss(found) <= loss(other) for other in budcache.neighbours(found, 40))


def test_the_search_spends_no_more_than_it_may_and_is_never_worse_than_its_starts():
    asked = []

    def loss(real):
        asked.append(real)
        return 1.0 + (hash(real) % 97) / 97

    starts = [(0, 1, 4, 9, 19), (0, 1, 2, 3, 19)]
    found = budcache.search(loss, 20, starts, 15)
    assert len(asked) == len(set(asked)) == 15 and {*starts} <= {*asked}
    assert loss(found) <= min(map(loss, starts)) and all(real[:2] == (0, 1) and len(real) == 5 for real in asked)


def test_the_examples_of_the_steps():
    assert doctest.testmod(steps).attempted and not doctest.testmod(steps).failed
