"""The head-to-head in a real ComfyUI: tiny runs of the analytic model."""

import pytest
import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from fsampler_research.benchmarks.versus import play, rivals
from fsampler_research.benchmarks.versus.link import Worker, WorkerDied
from fsampler_research.benchmarks.versus.matrix import Cell
from fsampler_research.benchmarks.versus.results import Results
from fsampler_research.benchmarks.versus.rivals import RivalTask
from fsampler_research.demo.mixture import mixture
from fsampler_research.demo.problem import Denoiser, start
from fsampler_research.demo.schedules import sigmas_for

CELL = Cell("mixture-flow", "euler", "simple", 8, 2.0)


@pytest.fixture(scope="module")
def worker(comfyui, tmp_path_factory):
    log = tmp_path_factory.mktemp("worker") / "log.txt"
    with Worker(comfyui, log, images=2, batch=2, seed=3, threads=1) as started:
        yield started


class Bar:
    def set_description(self, text):
        pass

    def update(self):
        pass


def test_every_rival_of_a_cell(worker, tmp_path):
    results, conditions = Results(tmp_path / "results.jsonl"), {"images": 2, "batch": 2, "seed": 3}
    todo = play.pending([CELL], conditions, results, 2, worker.there["packs"])
    play.play(todo, worker, results, Bar())
    rows = results.of([CELL], conditions)[CELL]
    assert len(rows) == len(todo) and not results.failed([CELL])
    wanted = {"ours", "ours auto", "fewer steps", *rivals.CACHES, *rivals.STOCK}
    assert {row["rival"] for row in rows} - {rivals.ORIGINAL, rivals.ORIGINAL_15, rivals.SPECTRUM} == wanted
    assert worker.there["packs"] == rivals.named_packs()
    assert all(row["full_calls"] == 8 and row["images"] == 2 for row in rows)
    for row in rows:
        if row["rival"] == "ours" or row["setting"].endswith("steps"):
            assert row["calls"] == int(row["setting"].removeprefix("calls:").removesuffix(" steps"))
    assert {row["calls"] for row in rows if row["rival"] in rivals.CACHES} - {8.0}
    best = {row["calls"]: row["psnr"] for row in rows if row["rival"] == "ours"}
    assert best[6] > 45 and all(row["psnr"] < best[6] for row in rows if row["rival"] == "fewer steps")


@pytest.mark.parametrize("model", ["flow", "eps", "v"])
@pytest.mark.parametrize("cfg", [1.0, 2.0])
def test_comfyui_samples_the_same_problem(worker, model, cfg):
    """The demo's own solver, model and noise reach the same latents."""
    made = worker.make(RivalTask(f"mixture-{model}", *CELL[1:4], cfg))
    sigmas = sigmas_for("simple", model, 8)
    labels, x = start(2, 3, model, float(sigmas[0]))
    expected, _ = sample(SOLVERS["euler"], Denoiser(mixture(), labels, model, cfg), x, sigmas, "off")
    assert made.calls == 8
    torch.testing.assert_close(made.latents, expected, atol=5e-3, rtol=0)


@pytest.mark.parametrize("sampler, calls", [("heun", 15), ("dpmpp_2s_ancestral", 15), ("uni_pc", 8), ("lms", 8)])
def test_calls_are_counted_at_the_network(worker, sampler, calls):
    job = RivalTask("mixture-eps", sampler, "bong_tangent", 8, 5.0)
    assert worker.make(job).calls == calls
    assert worker.make(job._replace(kind="ours", option="calls:6")).calls == (11 if calls == 15 else 6)


def test_an_image_does_not_depend_on_the_batch(worker, comfyui, tmp_path):
    together = worker.make(RivalTask(*CELL)).latents
    with Worker(comfyui, tmp_path / "log.txt", images=3, batch=1, seed=3, threads=1) as other:
        made = other.make(RivalTask(*CELL))
    assert made.calls == 8 and made.latents.shape == (3, 3, 64, 64)
    torch.testing.assert_close(made.latents[:2], together, atol=1e-4, rtol=0)


def test_a_worker_that_died_starts_again(worker):
    with pytest.raises(WorkerDied, match=r"calls:2 in a run of 8 steps; expected 3 .* \(all of it in .*log.txt\)"):
        worker.make(RivalTask(*CELL, kind="ours", option="calls:2"))
    assert worker.make(RivalTask(*CELL, kind="ours", option="calls:5")).calls == 5
