"""The guidance term: what it learns, what it adds, and that a model which says nothing runs as it did."""

import math

import pytest
import torch
from comfyui_fsampler.fsampler import Config, sample
from comfyui_fsampler.fsampler.forecast import Forecaster
from comfyui_fsampler.fsampler.guidance import LARGEST, USED, GuidanceTerm, taken_from
from comfyui_fsampler.fsampler.history import History
from comfyui_fsampler.fsampler.predictors import Trend
from comfyui_fsampler.samplers import SOLVERS

SIGMAS = torch.tensor([8.0, 6.5, 5.2, 4.1, 3.2, 2.5, 1.9, 1.4, 1.0, 0.7, 0.5, 0.3, 0.0], dtype=torch.float64)
GENERATOR = torch.Generator().manual_seed(3)
SHAPE = (2, 3, 8, 8)
SLOPE, AGAINST, START = (torch.randn(SHAPE, generator=GENERATOR, dtype=torch.float64) for _ in range(3))


class Guided:
    """epsilon moves by 2 a unit of half-log-SNR along one direction, which is what it says of its guidance, where
    ``says`` is true; and by ``wobble`` in a direction that is another at every sigma, so that a trend says little."""

    def __init__(self, says=True, wobble=0.5):
        self.says, self.wobble = says, wobble
        if says:
            self.guidance_difference = None

    def __call__(self, x, sigma):
        level = sigma.to(x).reshape(-1, 1, 1, 1)
        if self.says:
            self.guidance_difference = level * AGAINST.expand_as(x)
        generator = torch.Generator().manual_seed(round(1000 * float(sigma[0])))
        aside = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
        return x - level * (self.wobble * aside - 2 * level.log() * AGAINST)


def error(model, mode="calls:7", **options):
    full, _ = sample(SOLVERS["euler"], model, 8 * START, SIGMAS, "off")
    ours, report = sample(SOLVERS["euler"], model, 8 * START, SIGMAS, mode, **options)
    assert "S" in report.sequence and report.notes == []
    return float((ours - full).norm() / full.norm())


def half_log_snr(sigma, flow):
    return math.log((1 - sigma) / sigma) if flow else -math.log(sigma)


def unexplained(term, change, trend, sigma, newest):
    """The share of the trend in what the term leaves of a change, ``[B]``."""
    along, squared = ((trend * other).flatten(1).sum(1).reshape(2, 1, 1, 1) for other in (change, trend))
    rest = term.unexplained(change, trend, along, squared, sigma, newest)
    assert rest.shape == along.shape
    return (rest / squared).flatten()


ACROSS = (
    SLOPE
    - (SLOPE * AGAINST).flatten(1).sum(1).reshape(2, 1, 1, 1)
    / AGAINST.square().flatten(1).sum(1).reshape(2, 1, 1, 1)
    * AGAINST
)


def remembering(sigma, value):
    """A history of one REAL answer."""
    history = History("epsilon", 2, "sigma")
    history.append(sigma, value, sigma)
    return history


@pytest.mark.parametrize("flow", [False, True])
def test_where_the_trend_fails_the_strength_is_learned_and_half_of_it_is_used(flow):
    newest, sigma, following = (0.8, 0.6, 0.3) if flow else (4.0, 2.0, 0.5)
    strengths = torch.tensor([2.0, 0.5], dtype=torch.float64).reshape(2, 1, 1, 1)
    term = GuidanceTerm(flow)
    term.see(newest * AGAINST, newest)
    moved = half_log_snr(sigma, flow) - half_log_snr(newest, flow)
    trend = ACROSS - 0.1 * AGAINST
    change = strengths * moved * AGAINST - 1e-3 * trend  # a little against the trend
    assert unexplained(term, change, trend, sigma, newest).tolist() == pytest.approx([-1e-3, -1e-3])
    further = half_log_snr(following, flow) - half_log_snr(sigma, flow)
    term.see(sigma * AGAINST, sigma)
    predicted = term.applied(3 * SLOPE, torch.tensor(following), remembering(sigma, START))
    torch.testing.assert_close(predicted, START + USED * strengths * further * AGAINST, rtol=1e-6, atol=1e-6)


def test_a_trend_that_holds_is_followed_as_ever_and_the_change_is_all_its_own():
    term = GuidanceTerm(flow=False)
    term.see(4.0 * AGAINST, 4.0)
    change = 0.7 * SLOPE + 0.1 * AGAINST
    shares = [unexplained(each, change, SLOPE, 2.0, 4.0) for each in (term, GuidanceTerm(flow=False))]
    assert torch.equal(*shares)  # the other one knows of no guidance
    assert torch.equal(term.applied(3 * SLOPE, torch.tensor(1.0), remembering(2.0, START)), 3 * SLOPE)


def test_each_sample_is_judged_by_its_own_trend():
    term = GuidanceTerm(flow=False)
    term.see(AGAINST.clone(), 1.0)
    change = torch.cat([SLOPE[:1], AGAINST[1:]])
    unexplained(term, change, torch.cat([SLOPE[:1], ACROSS[1:]]), 0.5, 1.0)
    predicted = term.applied(3 * SLOPE, torch.tensor(0.25), remembering(0.5, START))
    assert torch.equal(predicted[0], 3 * SLOPE[0]) and not torch.allclose(predicted[1], 3 * SLOPE[1])


def test_the_strength_stays_within_its_range_and_the_newest_answer_counts_most():
    def learned(term, strength):
        term.see(AGAINST.clone(), 1.0)
        unexplained(term, 0.3 * SLOPE + strength * math.log(2) * AGAINST, SLOPE, 0.5, 1.0)
        return float(term._strength[0])

    term = GuidanceTerm(flow=False)
    assert learned(term, 2.0) == pytest.approx(2.0) and 2.6 < learned(term, 3.0) < 3.0
    assert learned(GuidanceTerm(flow=False), -4.0) == 0.0
    assert learned(GuidanceTerm(flow=False), 40.0) == LARGEST


def test_a_trend_along_the_guidance_leaves_finite_numbers():
    term = GuidanceTerm(flow=False)
    term.see(AGAINST.clone(), 1.0)
    rest = unexplained(term, -AGAINST, 2 * AGAINST, 0.5, 1.0)
    assert torch.isfinite(rest).all() and torch.isfinite(term._strength).all()


def test_a_curve_bends_as_it_does_whatever_guidance_explains_of_it():
    def curvature(guidance):
        forecaster = Forecaster(Config.parse("calls:7"), flow=False)
        for sigma, value in ((4.0, START), (3.0, START + AGAINST), (2.0, START + 2 * AGAINST + ACROSS)):
            kappa = forecaster.back_test(START, sigma, START, value, sigma * AGAINST if guidance else None)
            forecaster.remember(START, sigma, START, value, sigma)
        assert (forecaster.guidance._strength is not None) == guidance
        return kappa

    assert torch.equal(curvature(guidance=True), curvature(guidance=False))


def test_before_anything_is_learned_a_prediction_is_as_it_was():
    term, value = GuidanceTerm(flow=True), SLOPE.clone()
    assert term.applied(value, torch.tensor(0.5), remembering(0.8, START)) is value
    term.see(AGAINST.clone(), 0.8)
    assert torch.equal(term.applied(value, torch.tensor(0.5), remembering(0.8, START)), SLOPE)


def test_a_run_makes_use_of_what_it_is_told():
    assert error(Guided()) < 0.96 * error(Guided(says=False))
    assert error(Guided(wobble=0.0)) == error(Guided(says=False, wobble=0.0))  # the trend says all there is to say


def test_without_guidance_to_tell_a_run_is_as_it_was():
    class Silent(Guided):
        def __call__(self, x, sigma):
            answer = super().__call__(x, sigma)
            self.guidance_difference = None
            return answer

    bare, silent = Guided(says=False), Silent()
    for mode in ("calls:7", "balanced", "h2/s2"):
        results = [sample(SOLVERS["dpmpp_2m"], model, 8 * START, SIGMAS, mode)[0] for model in (bare, silent)]
        assert torch.equal(*results)


@pytest.mark.parametrize("options", [{"stabilizer": "none"}, {"space": "denoised"}, {"stabilizer": "learning"}])
def test_only_the_learned_trend_in_epsilon_makes_use_of_it(options):
    assert error(Guided(), **options) == error(Guided(says=False), **options)


def test_a_predictor_from_outside_is_given_the_changes_as_they_are():
    told, untold = (error(Guided(says=says), predictor=lambda: Trend(2)) for says in (True, False))
    assert told == untold
    assert Config.parse("calls:7").guided and not Config.parse("calls:7", predictor=lambda: Trend(2)).guided


def test_what_is_said_is_taken_so_that_no_latent_is_kept_twice():
    model = Guided()
    sample(SOLVERS["euler"], model, 8 * START, SIGMAS, "calls:7")
    assert model.guidance_difference is None
    model(START, torch.tensor([1.0]))
    assert torch.equal(taken_from(model, START), AGAINST) and model.guidance_difference is None
    assert taken_from(model, START) is None


@pytest.mark.parametrize("odd", [torch.ones(2, 3, 4, 4), torch.tensor(3.5), 3.5, "guidance"])
def test_what_is_no_latent_is_passed_over(odd):
    model = Guided()
    model.guidance_difference = odd
    assert taken_from(model, START) is None and model.guidance_difference is None


def test_a_model_without_the_attribute_keeps_all_of_its_own():
    def model(x, sigma):
        return x

    assert taken_from(model, START) is None and vars(model) == {}
