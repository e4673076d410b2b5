"""Packs of parts, as video with sound: what a pack does is what each part would do alone, and the worst decides."""

import json

import comfyui_fsampler.fsampler.measure as measuring
import pytest
import torch
from comfyui_fsampler.fsampler import Config, SkippingDenoiser, begin, sample
from comfyui_fsampler.fsampler.knowledge import Curvatures
from comfyui_fsampler.fsampler.measure import ForecastFigures, GateFigures
from comfyui_fsampler.fsampler.noise import FirstAnswer
from comfyui_fsampler.fsampler.paper import gate_values, judged
from comfyui_fsampler.fsampler.part_report import Part, worst
from comfyui_fsampler.fsampler.parts import Parts
from comfyui_fsampler.fsampler.policies import Decision
from comfyui_fsampler.fsampler.predictors import Polynomial
from comfyui_fsampler.fsampler.query import QueryReader
from comfyui_fsampler.fsampler.recorded_plans import planned
from comfyui_fsampler.samplers import SOLVERS
from gaussian import Gaussian
from toys import noise, schedule

SIZES = (960, 24)  # a large calm part beside a small restless one
RESTLESSNESS = 0.1
SIGMAS = schedule(20)
TREND = {"stabilizer": "trend", "space": "auto"}


class Calm:
    """A part whose answers change smoothly."""

    guidance_difference = None

    def __init__(self, restless=0.0, guided=False):
        self.restless, self.guided = restless, guided

    def __call__(self, x, sigma):
        level = sigma.reshape(-1, 1, 1).to(x)
        n = x.shape[-1]
        data = Gaussian(torch.linspace(-1, 1, n).to(x), torch.linspace(0.2, 0.5, n).to(x))
        wave = self.restless * torch.sin(4 * torch.log(level) + torch.linspace(0, 3, n).to(x))
        self.guidance_difference = 0.3 * (data.mean - x / (1 + level)) if self.guided else None
        return data(x, sigma) + wave


class Pack:
    """The model of a pack: each part by its own model, which knows nothing of the others."""

    def __init__(self, *parts):
        self.parts, self.guidance_difference = parts, None

    def __call__(self, x, sigma):
        answers = [model(part, sigma) for model, part in zip(self.parts, x.split(SIZES, dim=-1), strict=True)]
        said = [model.guidance_difference for model in self.parts]
        self.guidance_difference = None if None in said else torch.cat(said, dim=-1)
        return torch.cat(answers, dim=-1)


CALM, RESTLESS = Calm(), Calm(RESTLESSNESS)
PACK = Pack(CALM, RESTLESS)


def start(samples=2):
    return noise((samples, 1, sum(SIZES)))


def run(solver, model, x, mode, parts=SIZES, **options):
    return sample(solver, model, x, SIGMAS, mode, parts=parts, **options)


def alone(solver, models, x, mode, **options):
    """The runs of the parts, each as a latent of its own."""
    parts = x.split(SIZES, dim=-1)
    return [run(solver, model, part, mode, (), **options) for model, part in zip(models, parts, strict=True)]


def ancestral(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Euler that renews half of the noise, the same for the same element of a pack and of its parts."""
    every = noise((len(sigmas), x.shape[0], 1, sum(SIZES)), seed=5) / 14.6
    fresh = every[..., : SIZES[0]] if x.shape[-1] == SIZES[0] else every[..., -x.shape[-1] :]
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:], strict=True)):
        denoised = model(x, sigma.expand(len(x)))
        x = denoised + following * (0.75**0.5 * (x - denoised) / sigma + 0.5 * fresh[i])
    return x


CASES = {
    "euler": (SOLVERS["euler"], "h2/s2", TREND, False),
    "guided": (SOLVERS["euler"], "calls:11", {}, True),
    "multistep": (SOLVERS["dpmpp_2m"], "h3/s3", TREND, False),
    "two stages": (SOLVERS["dpmpp_2s"], "h2/s2", TREND, False),
    "the paper's stabilizers": (SOLVERS["euler"], "h3/s3", {"stabilizer": "learning+gradient", "beta": 0.5}, False),
    "residual": (SOLVERS["euler"], "h2/s2", TREND | {"space": "residual"}, False),
    "noise": (ancestral, "h2/s2", TREND | {"correct": False}, False),
}


@pytest.mark.parametrize("case", CASES)
def test_each_part_ends_where_it_would_alone(case):
    solver, mode, options, guided = CASES[case]
    models = Calm(guided=guided), Calm(RESTLESSNESS, guided)
    result, report = run(solver, Pack(*models), start(), mode, **options)
    parts = alone(solver, models, start(), mode, **options)
    assert all(other.sequence == report.sequence and "S" in report.sequence for _, other in parts)
    expected = torch.cat([final for final, _ in parts], dim=-1)
    torch.testing.assert_close(result, expected, atol=2e-5, rtol=2e-5)
    pooled, _ = run(solver, Pack(*models), start(), mode, (), **options)
    assert (pooled - expected)[..., SIZES[0] :].abs().max() > 1e-3


def test_a_recorded_plan_says_the_same_to_each_part():
    models = Calm(guided=True), Calm(RESTLESSNESS, True)
    _, recorded = run(SOLVERS["euler"], Pack(*models), start(), "record", ())
    mode = str(planned(recorded.recording, 9))
    result, report = run(SOLVERS["euler"], Pack(*models), start(), mode)
    parts = alone(SOLVERS["euler"], models, start(), mode)
    assert report.calls == 9 and all(other.sequence == report.sequence for _, other in parts)
    torch.testing.assert_close(result, torch.cat([final for final, _ in parts], dim=-1), atol=2e-5, rtol=2e-5)


def error(result, full):
    """Relative to the full run, of the worst sample."""
    return float(((result - full).norm(dim=-1) / full.norm(dim=-1)).max())


@pytest.mark.parametrize("solver", ["euler", "dpmpp_2m"])
def test_the_worst_part_decides_and_keeps_its_promise(solver):
    solver, mode = SOLVERS[solver], "auto:0.1"
    full, _ = run(solver, PACK, start(), "off")
    result, report = run(solver, PACK, start(), mode)
    (_, calm), (_, restless) = alone(solver, PACK.parts, start(), mode)
    assert report.sequence == restless.sequence and calm.calls < restless.calls < 20
    made = [record.estimate for record in report.records if record.estimate is not None]
    assert made == pytest.approx([r.estimate for r in restless.records if r.estimate is not None], rel=1e-3)
    pooled, averaged = run(solver, PACK, start(), mode, ())
    sound = slice(SIZES[0], None)
    assert error(result[..., sound], full[..., sound]) < 0.1 < error(pooled[..., sound], full[..., sound])
    assert averaged.calls < report.calls


def test_the_report_shows_every_part():
    _, report = run(SOLVERS["euler"], PACK, start(), "auto:0.05")
    calm, restless = report.parts
    assert (calm.size, restless.size) == SIZES and 0 < calm.estimate < restless.estimate / 3
    assert [*calm.curvatures] == [*restless.curvatures] != [] and restless.estimate == report.estimate
    said = f"part 2 of 2 decided: estimates {calm.estimate:.2g} and {restless.estimate:.2g}"
    assert report.line().endswith(f", estimate {restless.estimate:.2g}; {said}")
    assert said in report.outcome().split("\n")
    data = json.loads(report.to_json())
    assert data == report.to_dict()
    assert [(part["size"], part["estimate"]) for part in data["parts"]] == [
        (960, calm.estimate),
        (24, restless.estimate),
    ]
    assert [*data["parts"][1]["curvatures"].values()] == [*restless.curvatures.values()]
    rows = report.table().split("\n")[1:-1]
    for record, row, told in zip(report.records, rows, data["records"], strict=True):
        assert (record.by_part == ()) == (record.estimate is None) == ("by_part" not in told)
        assert f"{record.kind}  " + " ".join(f"{figure:.5f}" for figure in record.by_part) in row
        assert max(record.by_part, default=None) == record.estimate
    _, one = run(SOLVERS["euler"], PACK, start(), "auto:0.05", ())
    assert not one.parts and "part" not in one.to_json() and "part" not in one.line()


def test_a_mode_without_estimates_tells_the_curvatures_of_the_parts():
    _, report = run(SOLVERS["euler"], PACK, start(), "h2/s2")
    calm, restless = (max(part.curvatures.values()) for part in report.parts)
    assert report.line().endswith(f"; part 2 of 2 curves most: curvatures {calm:.2g} and {restless:.2g}")
    assert worst([Part(4, None, {}), Part(2, None, {})]) == worst([]) == ""
    assert worst([Part(4, 0.03, {}), Part(2, 0.01, {2: 9.0})]) == "part 1 of 2 decided: estimates 0.03 and 0.01"


class Silent(Polynomial):
    """Predicts nothing at all of the small part."""

    def value(self, history, query):
        value = super().value(history, query)
        return value * 0 if value.shape[-1] == SIZES[1] else value


def test_a_prediction_is_rejected_for_its_worst_part():
    _, report = run(SOLVERS["euler"], PACK, start(), "h2/s2", predictor=lambda: Silent(2))
    assert "S" not in report.sequence
    assert report.reasons()["REAL rejected: part 2: norm"] == 5
    _, kept = run(SOLVERS["euler"], PACK, start(), "calls:11", predictor=lambda: Silent(2))
    assert kept.calls == 11 and "SKIP held: part 2: norm" in kept.reasons()


def test_a_whole_latent_has_no_numbered_part():
    skip, figures = Decision(True, "planned skip"), ForecastFigures((1.0, 60.0), (1.0, 1.0), (1.0, 60.0))
    expected = {Parts(): "rejected: norm ratio 60.0 > 50", Parts((4, 4)): "rejected: part 2: norm ratio 60.0 > 50"}
    assert {parts: judged(skip, figures, "epsilon", False, parts).reason for parts in expected} == expected


def test_curvatures_of_a_batch_of_packs():
    seen = Curvatures().seen(2, [(0.1, 0.2), (0.9, 0.3)]).seen(3, [(0.5, 0.4), (0.1, 0.2)])
    assert seen.by_step == {2: 0.9, 3: 0.5} and seen.by_part[0] == {2: 0.2, 3: 0.5}
    assert seen.first == pytest.approx(0.6)  # a run opens as the worst part's mean asks


def test_the_gate_is_the_worst_parts():
    reader = QueryReader(SIGMAS.tolist(), Parts(SIZES))
    reader.read(start(), SIGMAS[:1], {})
    assert reader.elements == [960, 960, 24, 24]
    figures = GateFigures((4.0, 1.0), (4.0, 1.0), (4.0, 1.0), (0.1, 0.5))
    assert gate_values(figures, 0.5, [900, 10]) == (pytest.approx(0.025), 0.25)
    empty = GateFigures((4.0, 0.0), (4.0, 0.0), (4.0, 0.0), (0.1, 1e-6))
    assert gate_values(empty, 0.5, [900, 16])[1] == pytest.approx(0.125)  # the floor is that of 16 elements
    assert Parts(SIZES).worst((0.1, 0.3, 4.0, 2.0)) == (0.3, 4.0) and Parts().worst((0.1, 0.3)) == (0.3,)
    _, report = run(SOLVERS["euler"], PACK, start(), "adaptive")
    first = next(record for record in report.records if record.estimate)
    calm, restless = (
        next(record.estimate for record in other.records if record.estimate)
        for _, other in alone(SOLVERS["euler"], PACK.parts, start(), "adaptive")
    )
    assert first.by_part == pytest.approx((calm, restless), rel=1e-3)
    assert first.estimate == first.by_part[1] > first.by_part[0]


def test_the_distance_from_eulers_state_is_each_parts():
    x, answer = start(), torch.zeros(2, 1, sum(SIZES))
    first = FirstAnswer(answer, x / 14.6, 14.6, 14.6)
    moved = x * 0.5
    moved[..., SIZES[0] :] += 9.0
    large, small = first.euler_distance(moved, torch.tensor(7.3), Parts(SIZES)).flatten().split(2)
    assert large.max() < 1e-5 and small.min() > 0.75  # noise in one part is noise
    alone = first.split(Parts(SIZES))[1].euler_distance(moved[..., SIZES[0] :], torch.tensor(7.3))
    torch.testing.assert_close(alone.flatten(), small)


def test_another_latent_in_one_part_is_noticed():
    sizes = (6000, 90)
    denoiser = SkippingDenoiser(lambda x, sigma: x / 2, SIGMAS, Config.parse("h2/s2"), parts=sizes)
    x, other = noise((1, 1, sum(sizes))), noise((1, 1, sum(sizes)), seed=1)
    for state in (x, torch.cat([x[..., : sizes[0]], other[..., sizes[0] :]], dim=-1)):
        denoiser(state, SIGMAS[:1])
    assert [note.code for note in denoiser.finish().notes] == ["unrelated-latents"]


def test_a_pack_is_measured_in_one_transfer(monkeypatch):
    made, transfer = [], measuring.transfer
    monkeypatch.setattr(measuring, "transfer", lambda tensors: made.append(1) or transfer(tensors))
    _, report = run(SOLVERS["euler"], PACK, start(), "adaptive")
    assert len(made) <= report.evaluations + 1


def test_parts_that_do_not_fit_are_refused():
    assert Parts.of([12]) == Parts() and Parts.of((3, 4)).sizes == (3, 4)
    with pytest.raises(ValueError, match=r"^parts of \[3, 0\] elements; expected 1 or more in each$"):
        Parts.of([3, 0])
    denoiser = begin(PACK, SIGMAS, Config.parse("h2/s2"), parts=(960, 23))
    with pytest.raises(ValueError, match=r"^parts of \[960, 23\] elements of x \(2, 1, 984\)"):
        denoiser(start(), SIGMAS[:1].expand(2))


def test_a_pack_is_not_recorded():
    _, report = run(SOLVERS["euler"], PACK, start(), "record")
    assert report.recording is None and report.calls == 20
    assert [note.code for note in report.notes] == ["not-recorded"]
