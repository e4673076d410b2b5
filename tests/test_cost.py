"""What an evaluation costs: the count of latents read and written, against operations counted by hand."""

import pytest
import torch
from comfyui_fsampler.fsampler.correction import OpenGap, value_shift
from comfyui_fsampler.fsampler.gap_error import HIGH_CURVATURE
from comfyui_fsampler.fsampler.history import Entry
from comfyui_fsampler.fsampler.parameterization import encode
from fsampler_research.benchmarks import cost, planning
from fsampler_research.benchmarks.traffic import Operation, Traffic, by_line, dearest, evaluations, moves


def test_each_latent_that_an_operation_reads_or_writes_counts_once():
    x, denoised = torch.randn(2, 1, 8, 8)
    with Traffic(x.numel()) as traffic:
        value = encode("epsilon", denoised, x, 2.0)  # x - denoised, then divided in its own memory
        encode("residual", x, x, 2.0)  # one latent twice is read once
        encode("epsilon", denoised[:, :4], x[:, :4], 2.0)  # too small to be a latent
        OpenGap(1.0, 2.0, denoised).delta(Entry(2.0, x), value, 1.0)  # three operations in one latent's memory
    assert [(operation.name, operation.reads, operation.writes) for operation in traffic.operations] == [
        ("sub.Tensor", 2, 1),
        ("div_.Tensor", 1, 1),
        ("sub.Tensor", 1, 1),
        ("sub.Tensor", 0, 0),
        ("div_.Tensor", 0, 0),
        ("sub_.Tensor", 2, 1),
        ("sub_.Tensor", 2, 1),
        ("mul_.Tensor", 1, 1),
    ]
    assert moves(traffic.operations) == 5 + 2 + 0 + 8
    files = [operation.line.split(":")[0] for operation in traffic.operations]
    assert files == ["parameterization.py"] * 5 + ["correction.py"] * 3


def test_making_a_tensor_like_a_latent_reads_nothing():
    x = torch.randn(1, 8, 8)
    with Traffic(x.numel()) as traffic:
        value_shift("denoised", x, 1.0, None)  # asks for one number in the dtype of x
    assert traffic.operations and moves(traffic.operations) == 0


def test_views_and_what_is_asked_for_outside_the_engine_are_left_out():
    with Traffic(64) as traffic:
        x = torch.randn(1, 8, 8) + 1
        encode("denoised", x.flatten(), x, 2.0)
    assert traffic.operations == []

    def dear(x, sigma):
        for _ in range(50):
            x = x + x
        return x / 2**50 / (1 + sigma)

    assert evaluations(dear) == evaluations(lambda x, sigma: x / (1 + sigma))


def test_lines_are_summed_and_small_operations_left_out():
    operations = [Operation("a.py:1", "sub", 2, 1), Operation("b.py:2", "add", 0, 0), Operation("a.py:1", "sub", 1, 1)]
    assert by_line(operations) == [["a.py:1", "2 sub", 3, 2]]


def test_the_benchmark_prints_the_lines_and_their_sums(capsys):
    cost.main(["--lines"])
    tables = capsys.readouterr().out.split("\n\n")
    assert tables[::2] == [f"{kind} {guidance} guidance" for guidance in ("without", "with") for kind in cost.KINDS]
    for table in tables[1::2]:
        *body, total = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.strip().split("\n")[2:]]
        assert len(body) > 4 and total[0] == "all"
        assert [sum(int(row[way]) for row in body) for way in (2, 3)] == [int(cell) for cell in total[2:]]


@pytest.mark.parametrize("model", [cost.denoise, cost.Guided()], ids=["without guidance", "with guidance"])
@pytest.mark.parametrize("kind, most", [("SKIP", 25), ("REAL", 70)])
def test_an_evaluation_moves_no_more_latents_than_it_may(kind, most, model):
    operations = dearest(model, kind)
    assert most / 3 < moves(operations) <= most
    corrected = any(operation.line.startswith("correction.py") for operation in operations)
    guided = any(operation.line.startswith("guidance.py") for operation in operations)
    assert corrected and guided == isinstance(model, cost.Guided)  # the dearest kind is among those counted


@pytest.mark.parametrize("curved", [False, True])
@pytest.mark.parametrize("steps", planning.STEPS[:3])
def test_what_planning_costs_is_measured_in_strongly_curved_runs_too(steps, curved, monkeypatch):
    """There each decision reads all back-tests so far."""
    seen, decide = [], planning.Metered.decide
    monkeypatch.setattr(planning.Metered, "decide", lambda self, asked: seen.append(asked) or decide(self, asked))
    planning.metered(planning.Case("calls:90%", curved=curved), steps, planning.CpuTime())
    assert len(seen) == steps and len(seen[-1].curvatures) > steps / 2
    assert (seen[-1].first_curvature >= HIGH_CURVATURE) == curved
