"""The benchmark of published rivals: which cells, what is measured, what the tables say."""

import pytest
import torch
from fsampler_research.benchmarks.rivals import __main__ as command
from fsampler_research.benchmarks.rivals import entries, report
from fsampler_research.benchmarks.rivals.measure import Rivals, measure
from fsampler_research.benchmarks.steering import matrix
from fsampler_research.benchmarks.steering.matrix import Cell
from fsampler_research.benchmarks.steering.measure import score
from fsampler_research.benchmarks.steering.problem import Problem

CELL = Cell("mixture", "flow", "flux2", None, "euler", 3.0, 20)


# -- which cells -------------------------------------------------------------------------------------------------------


def test_cells_are_those_of_the_half_the_samplers_and_the_steps():
    found = command.chosen("tune", 16, ("euler",), 20)
    assert len(set(found)) == 16
    assert {(cell.half, cell.sampler, cell.steps) for cell in found} == {("tune", "euler", 20)}
    assert {cell.cfg for cell in found} == set(matrix.CFGS)
    assert {cell.network for cell in command.chosen("report", 8, size=128)} == {"unet"}


def test_samplers_that_ask_twice_a_step_are_none_of_them():
    assert not {*command.SAMPLERS} & matrix.TWICE


# -- measuring ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    wanted = [("calls:50%", name) for name in entries.taking_part("euler", searched=6)]
    return {row["rival"]: row for row in measure(CELL, wanted, 1, 0, searched=6)}


def test_every_rival_makes_as_many_calls_as_ours(rows):
    assert {row["calls"] for name, row in rows.items() if name != entries.FULL} == {10}
    assert {*rows} == {entries.OURS, entries.FULL, *entries.taking_part("euler", searched=6)}


def test_a_row_says_how_near_the_run_is(rows):
    made = Rivals(Problem(CELL, 1, 0))
    kinds = made.runs.ours("calls:10").kinds
    for name, latents in (("hold, our steps", made.runs.hold(kinds)), (entries.FEWER, made.runs.full(10))):
        ssim, psnr, error = score(made.problem, latents, made.full)[0]
        row = rows[name]
        assert (row["ssim"], row["psnr"], row["error"]) == pytest.approx((ssim, psnr, error), abs=1e-3)
    assert rows[entries.FULL]["psnr"] == 80.0 and rows[entries.FULL]["solution_psnr"] < 80.0


def test_the_search_in_hindsight_is_no_worse_than_its_starts(rows):
    """Its loss is the error of the latent, which for one image the row has."""
    starts = ("hold, our steps", "hold, planned on a recorded run")
    assert rows[entries.SEARCHED]["error"] <= min(rows[name]["error"] for name in starts)


def test_a_rival_runs_without_correction_and_as_it_is():
    """At every step REAL but one, holding is off by what the formula says and nothing else."""
    made = Rivals(Problem(CELL, 1, 0))
    skipped = 7
    latents, seen = made.run(entries.RIVALS["hold, our steps"], [step for step in range(20) if step != skipped])
    assert [record.step for record in seen.records if record.kind == "SKIP"] == [skipped]
    kinds = "".join("S" if step == skipped else "R" for step in range(20))
    torch.testing.assert_close(latents, made.runs.hold(kinds), rtol=1e-4, atol=1e-4)


def test_plans_are_made_on_other_images():
    made = Rivals(Problem(CELL, 1, 0))
    recording = made.known.recording
    x = made.problem.begin(float(made.sigmas[0]))[1]
    assert recording.sigmas == tuple(made.sigmas.tolist()) and not torch.allclose(recording.states[0], x)


def test_a_run_that_is_not_finite_is_named(monkeypatch):
    monkeypatch.setattr(Problem, "begin", lambda *_: (lambda x, sigma: x * torch.nan, torch.ones(1, 3, 64, 64)))
    with pytest.raises(FloatingPointError, match=f"full run of {CELL.name}"):
        measure(CELL, [], 1, 0)


def test_a_canvas_of_another_size():
    cell = CELL._replace(network="unet", schedule="simple", shift=3.0, cfg=1.0)
    assert Problem(cell, 2, 0, size=96).begin(1.0)[1].shape == (2, 3, 96, 96)


# -- the command -------------------------------------------------------------------------------------------------------


def made_up(cell, rival, psnr, mode="calls:50%", **more):
    row = {**cell._asdict(), "cell": cell.name, "half": cell.half, "images": 2, "seed": 0, "size": None}
    row |= {"mode": mode, "rival": rival, "calls": 10, "evaluations": 20, "refused": 0, "ssim": 0.9, "psnr": psnr}
    return row | {"error": 0.1, "engine": "0"} | more


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs the command on two cells, with rows made up; answers with what was measured and what was printed."""
    asked = []

    def pretended(cell, wanted, images, seed, searched, size):
        asked.extend(wanted)
        names = {mode: [entries.OURS] for mode, _ in wanted}
        for mode, name in wanted:
            names[mode].append(name)
        return [made_up(cell, name, 30.0, mode, images=images) for mode in names for name in names[mode]]

    monkeypatch.setattr(command, "measure", pretended)
    monkeypatch.setattr(command, "chosen", lambda *_: [CELL, CELL._replace(cfg=5.0, sampler="dpmpp_2m")])
    monkeypatch.setattr(command, "available", lambda: None)

    def call(*given):
        asked.clear()
        command.main(["--out", str(tmp_path / "rows.jsonl"), *given])
        return list(asked), capsys.readouterr().out

    return call


def test_what_is_there_is_not_measured_again(run):
    asked, text = run("--modes", "calls:50%")
    assert asked.count(("calls:50%", entries.FEWER)) == 2 and asked.count(("calls:50%", entries.PFDIFF)) == 1
    assert text.startswith("2 cells, 2 images each, half report\n")
    assert run("--modes", "calls:50%")[0] == []
    assert run("--modes", "calls:50%", "--search", "5")[0] == [("calls:50%", entries.SEARCHED)] * 2
    assert run("--modes", "calls:50%", "--images", "1")[0]


@pytest.mark.parametrize(
    "given, message",
    [
        (["--modes", "fast"], "--modes has 'fast'; expected calls:P%"),
        (["--samplers", "heun"], "--samplers has 'heun'; expected some of euler, dpmpp_2m, res_2m"),
    ],
)
def test_what_is_unknown_is_refused(run, given, message):
    with pytest.raises(SystemExit, match=message):
        run(*given)


# -- the tables --------------------------------------------------------------------------------------------------------

GUIDED = CELL._replace(cfg=7.0)
TABLE = [
    made_up(CELL, entries.OURS, 40.0),
    made_up(CELL, "VDE", 41.5),
    made_up(CELL, "ZEUS", 30.0, refused=2),
    made_up(GUIDED, entries.OURS, 30.0),
    made_up(GUIDED, "VDE", 30.5, ssim=0.8),
    made_up(GUIDED, "ZEUS", 30.0),
]


def test_the_summary_counts_won_and_lost():
    vde, zeus = report.summary(report.duels(TABLE)).splitlines()[2:]
    assert vde == "| VDE | 2 | 10.0 | 36.0 / 0.850 | 35.0 / 0.900 | -1.0 (-1.5, -1.0, -0.5) | 0 | 2 (1) |"
    assert (
        zeus == "| ZEUS | 2 | 10.0 (2 refused) | 30.0 / 0.900 | 35.0 / 0.900 | +5.0 (+0.0, +5.0, +10.0) | 1 | 0 (0) |"
    )


def test_groups():
    text = report.groups(report.duels(TABLE), report.AXES["guidance"]).splitlines()
    assert [line for line in report.page(TABLE).splitlines() if line.startswith("## By")] == ["## By guidance"]
    assert text[0] == "| rival | CFG 3 | CFG 7 |" and text[2] == "| VDE | -1.5 (1 of 1) | -0.5 (1 of 1) |"


def test_the_brief_table_is_by_the_share_of_the_calls(run):
    half = [row | {"mode": "calls:40%", "psnr": row["psnr"] / 2} for row in TABLE]
    *_, header, _, vde, zeus = report.brief(TABLE + half).splitlines()
    assert header == "| rival | 40% | 50% |" and vde == "| VDE | -0.5 (2 of 2) | -1.0 (2 of 2) |"
    assert zeus == "| ZEUS | +2.5 (0 of 2) | +5.0 (0 of 2) |"
    _, text = run("--modes", "calls:50%", "--brief")
    assert "| rival | 50% |" in text and "##" not in text


def test_cells_in_which_a_rival_is_better_are_named():
    every = report.duels(
        [*TABLE, made_up(GUIDED, entries.OURS, 20.0, "calls:40%"), made_up(GUIDED, "VDE", 26.0, "calls:40%")]
    )
    vde, zeus = report.better(every, 0.0).splitlines()
    assert vde == f"- **VDE**: {GUIDED.name} (50% +0.5, 40% +6.0); {CELL.name} (50% +1.5)"
    assert zeus == "- **ZEUS**: none"
    assert report.better(every, 1.0).splitlines()[0] == f"- **VDE**: {GUIDED.name} (40% +6.0); {CELL.name} (50% +1.5)"


def test_the_exact_solution_has_a_table_of_its_own():
    rows = [made_up(CELL, name, 30.0, solution_psnr=20.0 + i) for i, name in enumerate(entries.SOLVED)]
    assert "| PFDiff-1 | 23.0 |" in report.page(rows) and "full run" not in report.summary(report.duels(rows))
    assert "exact solution" not in report.page(TABLE)
