"""Right or aside: what breaks what skipping rests on ends it, with a note; from there on the run is bare."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config, Note, SkippingDenoiser, begin, sample
from comfyui_fsampler.samplers import SOLVERS
from toys import Counted, heun, heunpp2, noise, problem, schedule

MODES = ["h2/s2", "adaptive", "balanced", "auto:0.5", "calls:9"]
NOTE = "the rest of the run is in full: "


def told(report):
    """Code and sentence of the only note."""
    (note,) = report.notes
    return note.code, note.text


def euler(model, x, sigmas):
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        denoised = model(x, sigma.expand(len(x)))
        x = denoised + (x - denoised) * (following / sigma)
    return x


def restarting(model, x, sigmas, high, turn):
    """Once step ``turn`` is reached the state is re-noised and sampled again from step ``high``."""
    x = euler(model, x, sigmas[: turn + 1])
    x = x + (sigmas[high] ** 2 - sigmas[turn] ** 2).sqrt() * noise(seed=5) / 14.6
    return euler(model, x, sigmas[high:])


@pytest.mark.parametrize("mode", MODES)
def test_a_restart_is_noticed_at_its_first_evaluation_and_nothing_is_skipped_from_there(mode):
    sigmas, model = schedule(20), Counted(problem())
    denoiser = begin(model, sigmas, Config.parse(mode))
    result = restarting(denoiser, noise(), sigmas, high=6, turn=13)
    report = denoiser.finish()
    assert "S" in report.sequence[:13] and torch.isfinite(result).all()
    again = report.records[13:]
    assert len(again) == 14 and all(record.kind == "REAL" and record.reason == "in full" for record in again)
    assert [record.step for record in again] == [*range(6, 20)]
    rise = f"sigma rises from {sigmas[12]:.5g} to {sigmas[6]:.5g}, as for a restart or a second trajectory"
    assert told(report) == ("sigma-rises", NOTE + rise)
    assert model.sigmas[-14:] == pytest.approx(sigmas[6:20].tolist())


def test_from_the_anomaly_on_the_steps_are_the_bare_samplers():
    sigmas = schedule(20)
    denoiser = begin(problem(), sigmas, Config.parse("calls:9"))
    x = euler(denoiser, noise(), sigmas[:14])
    rest = restart = x + (sigmas[6] ** 2 - sigmas[13] ** 2).sqrt() * noise(seed=5) / 14.6
    assert torch.equal(euler(denoiser, restart, sigmas[6:]), euler(problem(), rest, sigmas[6:]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["heunpp2", *SOLVERS])
def test_samplers_that_look_ahead_or_evaluate_twice_are_no_anomaly(name, mode):
    sigmas = schedule(20)
    denoiser = begin(problem(), sigmas, Config.parse(mode))
    solver = heunpp2 if name == "heunpp2" else SOLVERS[name]
    solver(denoiser, noise(), sigmas)
    assert not any("in full" in note.text for note in denoiser.finish().notes)


@pytest.mark.parametrize("mode", MODES)
def test_a_latent_of_another_size_is_run_in_full(mode):
    sigmas, model = schedule(20), lambda x, sigma: x / (1 + sigma[:, None] ** 2)
    denoiser = begin(model, sigmas, Config.parse(mode))
    x = euler(denoiser, noise((2, 4)), sigmas[:11]).repeat(1, 2)
    assert torch.equal(euler(denoiser, x, sigmas[10:]), euler(model, x, sigmas[10:]))
    report = denoiser.finish()
    assert told(report) == ("latent-changed", f"{NOTE}the latent changed from (2, 4) on cpu to (2, 8) on cpu")
    assert [record.reason for record in report.records[10:]] == ["in full"] * 10 and len(report.records) == 20


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("answer", [lambda d: (d, d), lambda d: [d], lambda d: d[:1], lambda d: d[None]])
def test_an_answer_that_is_not_one_tensor_of_the_latents_shape_is_handed_through(mode, answer):
    sigmas, given = schedule(6), []

    def model(x, sigma):
        given.append(answer(x / 2))
        return given[-1]

    denoiser = SkippingDenoiser(model, sigmas, Config.parse(mode if mode != "calls:9" else "calls:5"))
    for sigma in sigmas[:-1]:
        assert denoiser(noise(), sigma.expand(2)) is given[-1]
    report = denoiser.finish()
    assert report.calls == len(given) == 6
    assert told(report) == ("answer-not-a-latent", f"{NOTE}the model's answer is not one tensor like the latent")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("first, then", [(torch.float32, torch.float64), (torch.float16, torch.float32)])
def test_a_sampler_may_go_on_in_another_precision(mode, first, then):
    """As k-diffusion's do where the schedule is float64. Predictions are worked out in the first precision."""
    sigmas, runs = schedule(20), []
    for later in (first, then):
        denoiser = begin(problem(), sigmas, Config.parse(mode))
        x = euler(denoiser, noise().to(first), sigmas[:6]).to(later)
        x = euler(denoiser, x, sigmas[5:])
        runs.append((x, denoiser.finish()))
    (same, report), (other, stepped) = runs
    assert other.dtype == then and stepped.notes == report.notes == [] and "S" in stepped.sequence
    torch.testing.assert_close(other.float(), same.float(), rtol=0.02, atol=0.02)


def test_an_anomaly_lets_every_tensor_go():
    sigmas = schedule(20)
    denoiser = begin(problem(), sigmas, Config.parse("calls:9"))
    restarting(denoiser, noise(), sigmas, high=6, turn=13)
    assert denoiser.pending is None and len(denoiser.known.forecaster.history) == 0
    assert denoiser.known.correction.gap.used is None and denoiser.known.correction.deferred.delta is None


@pytest.mark.parametrize("mode", ["off", *MODES])
@pytest.mark.parametrize(
    "name, eta", [("euler", 0.0), ("euler", 1.0), ("dpmpp_2m", 0.0), ("dpmpp_2s", 0.0), ("lms", 0.0)]
)
@pytest.mark.parametrize("space", ["auto", "denoised"])
def test_a_model_may_write_every_answer_into_the_same_tensor(name, eta, mode, space):
    buffer, results = torch.empty(2, 3), []
    for model in (problem(), lambda x, sigma: buffer.copy_(problem()(x, sigma))):
        torch.manual_seed(0)
        options = {"eta": eta} if eta else None
        x, report = sample(SOLVERS[name], model, noise(), schedule(20), mode, space=space, solver_options=options)
        results.append((x.clone(), report.sequence))
    assert torch.equal(results[0][0], results[1][0]) and results[0][1] == results[1][1]


@pytest.mark.parametrize("mode", MODES)
def test_a_schedule_whose_steps_cannot_be_told_apart_is_run_in_full(mode):
    even = schedule(20).tolist()
    sigmas = torch.tensor([*even[:5], even[4] * (1 - 5e-5), *even[5:]])
    x, report = sample(SOLVERS["euler"], problem(), noise(), sigmas, mode)
    assert report.calls == report.evaluations == 21
    assert told(report) == ("close-sigmas", "runs in full: the sigmas of steps 4 and 5 are too close to tell apart")
    assert torch.equal(x, sample(SOLVERS["euler"], problem(), noise(), sigmas, "off")[0])
    _, apart = sample(SOLVERS["euler"], problem(), noise(), schedule(20), mode)
    assert apart.notes == [] and apart.calls < 20


def tiled(model, x, sigmas, order=(0, 1)):
    """The model is asked about one part of the latent after the other, at one sigma."""
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        parts = list(x.chunk(2, dim=1))
        for part in order:
            parts[part] = model(parts[part], sigma.expand(len(x)))
        denoised = torch.cat(parts, dim=1)
        x = denoised + (x - denoised) * (following / sigma)
    return x


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("flow", [False, True])
def test_tiles_and_trajectories_in_turn_are_run_in_full(mode, flow):
    sigmas, x = schedule(20, flow), noise((2, 60, 3), flow)
    denoiser = begin(problem(flow), sigmas, Config.parse(mode), flow=flow)
    assert torch.equal(tiled(denoiser, x, sigmas), tiled(problem(flow), x, sigmas))
    report, sigma = denoiser.finish(), float(sigmas[0])
    why = f"two latents that have nothing to do with each other are asked about at sigma {sigma:.5g}"
    assert told(report) == ("unrelated-latents", NOTE + why) and report.calls == 40


@pytest.mark.parametrize("mode", MODES)
def test_tiles_from_the_middle_of_a_run_on_are_noticed_too(mode):
    sigmas, x = schedule(20), noise((2, 120, 3))
    denoiser = begin(problem(), sigmas, Config.parse(mode))
    x = euler(denoiser, x, sigmas[:11])
    turned = torch.cat([x[:, 60:], x[:, :60]], dim=1)
    denoiser(turned, sigmas[9].expand(2))
    assert told(denoiser.finish())[0] in ("unrelated-latents", "sigma-rises")


@pytest.mark.parametrize("mode", MODES)
def test_a_first_step_of_nearly_all_the_noise_makes_heuns_corrector_no_other_latent(mode):
    sigmas, x = [1.0, *torch.logspace(-1.05, -2, 11, dtype=torch.float64).tolist(), 0.0], noise((2, 60, 3), flow=True)
    picture = noise((2, 60, 3), seed=1)

    def blank_at_first(x, sigma):
        return picture * (sigma.reshape(-1, 1, 1) < 0.5)

    denoiser = begin(blank_at_first, sigmas, Config.parse(mode), flow=True)
    heun(denoiser, x, torch.tensor(sigmas))
    assert {note.code for note in denoiser.finish().notes} <= {"adds-noise"}  # as which such a move may well pass


def daemon(model, x, sigmas, amount, since=4):
    """Euler that tells the model less noise than its states have, from one step on."""
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:], strict=True)):
        told = sigma * (1 - amount) if i >= since else sigma
        denoised = model(x, told.expand(len(x)))
        x = denoised + (x - denoised) * (following / sigma)
    return x


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("amount", [0.01, 0.1, 0.4, -0.05])
@pytest.mark.parametrize("since", [0, 4, 12])
def test_another_sigma_than_the_states_is_noticed_before_it_does_harm(mode, amount, since):
    sigmas, model = schedule(20), Counted(problem())
    denoiser = begin(model, sigmas, Config.parse(mode))
    daemon(denoiser, noise(), sigmas, amount, since)
    report = denoiser.finish()
    assert told(report)[0] in ("told-sigma", "sigma-rises") and "S" not in report.sequence[since + 2 :]
    assert [record.kind for record in report.records].count("REAL") == len(model.sigmas)


@pytest.mark.parametrize("mode", ["balanced", "auto:0.5", "calls:9"])  # the paper's modes try no sampler out
def test_a_sampler_that_asks_for_something_else_than_when_it_was_tried_out_is_run_in_full(mode):
    sigmas = schedule(20)

    def moody(model, x, sigmas, **_):
        looking = hasattr(model, "report")  # a run, and not the probe
        return euler(model, x, torch.cat([sigmas[:6], sigmas[8:]]) if looking else sigmas)

    _, report = sample(moody, problem(), noise(), sigmas, mode)
    assert told(report)[0] == "told-sigma" and "S" not in report.sequence[6:]


@pytest.mark.parametrize("mode", MODES)
def test_samples_of_a_batch_at_different_sigmas_are_run_in_full(mode):
    sigmas = schedule(20)
    denoiser = begin(problem(), sigmas, Config.parse(mode))
    for sigma, following in zip(sigmas[:-2], sigmas[1:-1], strict=True):
        denoiser(noise(), torch.stack([sigma, following]))
    assert told(denoiser.finish()) == ("told-sigma", f"{NOTE}the samples of the batch are told different sigmas")


def test_a_start_that_ends_at_the_next_sigma_shifts_no_later_step():
    """Without a probe: res_3m and deis_3m of other packs begin with steps of two evaluations."""
    sigmas = schedule(12)
    denoiser = begin(problem(), sigmas, Config.parse("turbo"))
    asked = [*(sigma for i in (0, 1) for sigma in sigmas[i : i + 2]), *sigmas[2:-1]]
    x = noise()
    for sigma, following in zip(asked, [*asked[1:], sigmas[-1]], strict=True):
        x = torch.lerp(denoiser(x, sigma.expand(2)), x, following / sigma)
    report = denoiser.finish()
    assert [record.step for record in report.records] == [0, 1, 1, 1, 2, 2, *range(4, 12)]
    assert report.records[-1].kind == "REAL" and not report.notes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype, aside", [(torch.float16, False), (torch.float64, True), (torch.complex64, True)])
def test_an_answer_in_another_precision_reaches_the_sampler_as_it_is(mode, dtype, aside):
    sigmas, given = schedule(20), []

    def model(x, sigma):
        given.append(problem()(x, sigma).to(dtype))
        return given[-1]

    denoiser = begin(model, sigmas, Config.parse(mode))
    x = noise()
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        answer = denoiser(x, sigma.expand(2))
        assert sigma < sigmas[0] or (answer.dtype == dtype and torch.equal(answer, given[0]))
        x = torch.lerp(answer.real.float(), x, following / sigma)
    report = denoiser.finish()
    assert [note.code for note in report.notes] == ["answer-not-a-latent"] * aside
    assert report.calls == 20 if aside else report.calls < 20


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(2, 3), (2, 60, 3)])
def test_values_whose_norms_overflow_are_run_in_full(mode, shape):
    large, sigmas = 1e30, torch.linspace(14.6, 0, 21)

    def model(x, sigma):
        return torch.tanh(x / large) * large

    denoiser = begin(model, sigmas, Config.parse(mode))
    x = euler(denoiser, noise(shape) * large, sigmas)
    assert torch.equal(x, euler(model, noise(shape) * large, sigmas)) and x.isfinite().all()
    assert told(denoiser.finish())[0] == "values-too-large"


@pytest.mark.parametrize("mode", [*MODES, "off"])
def test_a_run_can_be_set_aside_from_outside(mode):
    """As the ComfyUI nodes do where the model remembers earlier calls; the first reason stands."""
    sigmas = schedule(20)
    denoiser = begin(problem(), sigmas, Config.parse(mode))
    x = euler(denoiser, noise(), sigmas[:3])
    denoiser.in_full(Note("guidance-memory", "its model remembers"))
    denoiser.in_full(Note("guidance-memory", "once more"))
    assert torch.equal(euler(denoiser, x, sigmas[2:]), euler(problem(), x, sigmas[2:]))
    report = denoiser.finish()
    assert report.sequence == "R" * 20 and [*map(str, report.notes)] == (
        [] if mode == "off" else [f"{NOTE}its model remembers"]
    )
