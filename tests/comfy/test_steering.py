"""The benchmark of steering with samplers of ComfyUI's, in its own process."""

import pytest
import torch
from fsampler_research.benchmarks.steering import comfy, matrix
from fsampler_research.benchmarks.steering.problem import Problem

STEPS = 10


@pytest.fixture(scope="module")
def log(comfyui, tmp_path_factory):
    path = tmp_path_factory.mktemp("steering") / "worker.log"
    yield path
    comfy.worker(path).__exit__()


@pytest.mark.parametrize("sampler", matrix.COMFY_SAMPLERS)
@pytest.mark.parametrize("kind", [("flow", "beta", 8.0), ("v", "karras", None)], ids=["flow", "v"])
def test_the_runs_of_a_sampler(sampler, kind, log):
    runs = comfy.ComfyRuns(Problem(matrix.Cell("mixture", *kind, sampler, 3.0, STEPS), 2, 0), log)
    full, ours = runs.full(), runs.ours("calls:7")
    assert torch.isfinite(full).all() and full.shape == (2, 3, 64, 64)
    assert len(ours.kinds) == matrix.evaluations(sampler, STEPS) and ours.calls == 7
    assert torch.equal(runs.hold("R" * STEPS), full) and torch.equal(runs.ours("off").latents, full)
    assert not torch.equal(runs.hold(ours.kinds), full) and not torch.equal(runs.full(7), full)
    torch.testing.assert_close(runs.full(only=slice(1, 2)), full[1:], rtol=1e-3, atol=1e-3)  # noise of its own
