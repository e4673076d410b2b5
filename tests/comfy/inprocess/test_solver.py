"""FSampler Solver: our solvers as a SAMPLER."""

import pytest
import rig
import torch
from comfy.k_diffusion.sampling import default_noise_sampler
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS

SOLVERS = list(OURS["FSamplerSolver"].INPUT_TYPES()["required"]["solver"][0])
NOISELESS = ("lms", "ab2")
STEPS = 10


def run(name, prediction="flow", eta=0.0, order=4, mode="off", seed=1, **inputs):
    """Samples, report and calls."""
    model = rig.model(prediction)
    sampler, reports = OURS["FSamplerSolver"]().build(name, eta, order, mode, **inputs)
    schedule = rig.sigmas(model, STEPS)
    samples, made = rig.counted(model, lambda: rig.advanced(rig.guided(model), sampler, schedule, seed))
    return samples, reports.runs[-1], made


@pytest.mark.parametrize("name", SOLVERS)
def test_skipping(name, prediction):
    full, report, made = run(name, prediction)
    assert report.calls == made == report.evaluations
    assert made == (2 * STEPS - 1 if name.endswith("_2s") else STEPS)
    fast, report, made = run(name, prediction, custom_mode="calls:7")
    assert report.calls == made < report.evaluations and report.sequence.count("R") == 7
    assert torch.isfinite(fast).all() and rig.psnr(full, fast) > 15


@pytest.mark.parametrize("name", [name for name in SOLVERS if name not in NOISELESS])
@pytest.mark.parametrize("kind", ["flow", "eps"])
def test_eta(name, kind):
    """The run's seed makes the noise: the same again, another with another seed, not the deterministic result."""
    noisy, report, _ = run(name, kind, eta=1.0)
    assert torch.isfinite(noisy).all() and report.steps == STEPS
    assert torch.equal(noisy, run(name, kind, eta=1.0)[0])
    assert rig.psnr(noisy, run(name, kind, eta=1.0, seed=2)[0]) < 30
    assert rig.psnr(noisy, run(name, kind)[0]) < 30
    fast, report, made = run(name, kind, eta=1.0, custom_mode="calls:7")
    assert made == report.calls and "adds noise" in " ".join(map(str, report.notes))
    assert torch.isfinite(fast).all() and torch.equal(fast, run(name, kind, eta=1.0, custom_mode="calls:7")[0])


@pytest.mark.parametrize("name", NOISELESS)
def test_eta_is_refused_where_there_is_no_such_form(name):
    with pytest.raises(ValueError, match=f"eta is 0.5, but {name} has no form that adds noise; expected 0"):
        OURS["FSamplerSolver"]().build(name, 0.5, 4, "off")


@pytest.mark.parametrize(("ours", "core"), [("euler", "euler"), ("ddim", "euler"), ("dpmpp_2m", "dpmpp_2m")])
def test_a_solver_core_has_too(ours, core, prediction):
    if ours == "dpmpp_2m" and prediction == "flow":
        pytest.skip("core works in -log sigma here, we in the path's own half-log-SNR")
    model = rig.model(prediction)
    theirs = rig.advanced(rig.guided(model), rig.ksampler(core), rig.sigmas(model, STEPS))
    assert rig.psnr(theirs, run(ours, prediction)[0]) > 60


def test_eta_is_cores_ancestral_noise():
    """Euler with eta 1 on eps is core's euler_ancestral, given the same noise."""
    model, noise = rig.model("eps"), default_noise_sampler(rig.latent()["samples"], seed=2)
    ancestral = rig.ksampler("euler_ancestral", eta=1.0, noise_sampler=noise)
    theirs = rig.advanced(rig.guided(model), ancestral, rig.sigmas(model, STEPS))
    assert rig.psnr(theirs, run("euler", "eps", eta=1.0)[0]) > 60


def test_order_of_lms():
    assert torch.equal(run("lms", order=2)[0], run("ab2")[0])
    assert rig.psnr(run("lms", order=1)[0], run("euler")[0]) > 60
    assert not torch.equal(run("lms", order=3)[0], run("lms", order=4)[0])
