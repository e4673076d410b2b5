"""Mode record: the bare sampler's picture, a recording that says what the answers were, and when there is none."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config, begin, sample
from comfyui_fsampler.samplers import SOLVERS

SIGMAS = torch.linspace(10, 0, 13)
START = 10 * torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))


class Model:
    """A curved denoiser that says what guidance did, and keeps what it was asked and answered."""

    def __init__(self, guided=True):
        self.guided, self.seen, self.guidance_difference = guided, [], None

    def __call__(self, x, sigma):
        level = sigma.to(x).reshape(-1, 1, 1, 1)
        denoised, difference = torch.tanh(x) / (1 + level**2), x.flip(-1) / (1 + level)
        self.guidance_difference = difference.clone() if self.guided else None
        self.seen.append((x.clone(), denoised.clone(), difference))
        return denoised


def record(model=None, solver="euler", x=START, sigmas=SIGMAS, **more):
    return sample(SOLVERS[solver], model or Model(), x, sigmas, "record", **more)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("solver", ["euler", "dpmpp_2m", "res_2s"])
def test_the_picture_is_the_bare_samplers_bit_for_bit(solver, dtype):
    x = START.to(dtype)
    bare = SOLVERS[solver](Model(), x, SIGMAS)
    recorded, report = record(solver=solver, x=x)
    assert torch.equal(recorded, bare)
    assert report.mode == "record" and report.calls == report.evaluations


def test_what_is_recorded_are_the_inner_products_of_the_answers():
    model = Model()
    _, report = record(model, setting={"cfg": "5"})
    recording, levels = report.recording, SIGMAS[:-1].double()
    epsilon, denoised, guidance = [], [], []
    for (x, answer, difference), level in zip(model.seen, levels, strict=True):
        epsilon.append(((x.double() - answer.double()) / level).flatten(1))
        denoised.append(answer.double().flatten(1))
        guidance.append((difference.double() / level).flatten(1))
    for image in range(3):
        rows = torch.stack([vectors[image] for vectors in (*epsilon, *denoised, *guidance)])
        torch.testing.assert_close(recording.products[image], rows @ rows.T)
    assert recording.setting == {"sampler": "euler", "size": "8x8", "cfg": "5"} and recording.guided
    assert recording.products.numel() * 8 < 40_000 and not report.notes


def test_the_vectors_of_a_recording_have_its_inner_products():
    _, report = record()
    vectors = torch.cat(report.recording.vectors).transpose(0, 1)
    torch.testing.assert_close(vectors @ vectors.transpose(1, 2), report.recording.products)


def test_large_latents_are_recorded_by_a_part_of_their_elements():
    x = 10 * torch.randn(1, 4, 128, 256, generator=torch.Generator().manual_seed(2))
    model = Model()
    _, report = record(model, x=x)
    levels = SIGMAS[:-1]
    epsilon = torch.stack(
        [(x - seen).flatten() / level for (x, seen, _), level in zip(model.seen, levels, strict=True)]
    )
    whole, kept = (rows / rows.diagonal()[0] for rows in (epsilon @ epsilon.T, report.recording.products[0][:12, :12]))
    assert (whole - kept).abs().max() < 0.02


def test_a_model_that_says_nothing_of_guidance_is_recorded_without():
    recording = record(Model(guided=False))[1].recording
    assert not recording.guided and not recording.products[:, 24:].any()


def test_recordings_of_one_schedule_are_joined_and_the_newest_four_images_kept():
    first, second = (record(x=START + i)[1].recording for i in range(2))
    joined = first.joined(second)
    assert joined.images == 4
    assert torch.equal(joined.products, torch.cat([first.products[-1:], second.products]))
    other = record(sigmas=torch.linspace(9, 0, 13))[1].recording
    with pytest.raises(ValueError, match="12 steps from 9 over 4.5 to 0 beside one over 12 steps from 10 over 5 to 0"):
        first.joined(other)


@pytest.mark.parametrize(
    ("solver", "options", "reason"),
    [
        ("res_2s", {}, "a plan needs one answer a step, at its beginning"),
        ("euler", {"solver_options": {"eta": 1.0}}, "the sampler adds noise, which is another in every run"),
    ],
)
def test_what_no_plan_can_be_made_from_is_not_recorded_and_a_note_says_why(solver, options, reason):
    _, report = record(solver=solver, **options)
    assert report.recording is None
    assert [(note.code, str(note)) for note in report.notes] == [("not-recorded", f"nothing is recorded: {reason}")]


def test_a_solver_that_cannot_be_probed_is_not_recorded():
    def odd(model, x, sigmas, extra_args=None, callback=None, disable=None):
        return SOLVERS["euler"](model, x, sigmas) + (x.shape[0] > 3) * x.sign()  # the probe has more rows

    _, report = sample(odd, Model(), START, SIGMAS, "record")
    assert report.recording is None and "not linear" in str(report.notes[0])


def test_answers_that_are_not_finite_are_not_recorded():
    _, report = record(lambda x, sigma: x * float("nan"))
    assert report.recording is None and str(report.notes[0]) == "nothing is recorded: the answers are not finite"


def test_off_records_nothing_and_nothing_is_kept_after_a_run():
    assert sample(SOLVERS["euler"], Model(), START, SIGMAS, "off")[1].recording is None
    run = begin(Model(), SIGMAS, Config.parse("record"))
    for sigma in SIGMAS[:-1]:
        run(START, sigma.expand(3))
    run.finish()
    assert not [value for value in vars(run).values() if isinstance(value, list) and value]
