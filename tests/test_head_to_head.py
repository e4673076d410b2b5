"""The head-to-head without ComfyUI: what is run, what is kept, who wins, which targets are met, what is drawn."""

import json
import math

import pytest
import torch
from comfyui_fsampler.tools.metrics import each, similarity
from fsampler_package import ROOT
from fsampler_research.benchmarks import head_to_head
from fsampler_research.benchmarks.cells import EXACT
from fsampler_research.benchmarks.versus import curves, matrix, page, play, report, rivals, verdict
from fsampler_research.benchmarks.versus.link import Made, WorkerDied
from fsampler_research.benchmarks.versus.matrix import Cell
from fsampler_research.benchmarks.versus.measure import mean, score
from fsampler_research.benchmarks.versus.results import Results
from fsampler_research.benchmarks.versus.targets import targets
from fsampler_research.demo.problem import to_pixels

CELL = Cell("unet-flow", "euler", "simple", 20, 2.0)
CONDITIONS = {"images": 2, "batch": 2, "seed": 0}


def row(rival, setting, calls, ssim, psnr=30.0, cell=CELL, full_calls=None, **more):
    """A made-up row; its standard errors are .01 and 1 dB."""
    full_calls = matrix.evaluations(cell.sampler, cell.steps) if full_calls is None else full_calls
    figures = {"ssim": ssim, "psnr": psnr, "ssim_se": 0.01, "psnr_se": 1.0, "exact_psnr": psnr, "worst_ssim": ssim}
    label = play.label(cell, rivals.Run(rival, setting, None), CONDITIONS)
    rest = {"seconds": 1.0, "error_worst": 0.05, "tolerance": 0.1}
    return {"calls": calls, "full_calls": full_calls, **rest, **label, **figures, **more}


def ours(calls, ssim, psnr=30.0, **more):
    return row("ours", f"calls:{calls}", calls, ssim, psnr, **more)


# -- what is run -------------------------------------------------------------------------------------------------------


def test_the_whole_matrix():
    cells = matrix.cells(**matrix.AXES)
    assert len(cells) == len(set(cells)) == 7 * 10 * 5 * 5 * 3
    groups = [(cell.model, cell.schedule, cell.cfg) for cell in cells]
    assert len([i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]) == 7 * 5 * 3 - 1  # they share runs


@pytest.mark.parametrize(
    "axis, text, expected",
    [
        ("models", "unet-eps, mixture-v", ("unet-eps", "mixture-v")),
        ("steps", "20,8,20", (20, 8)),
        ("cfg", "2,5.0", (2.0, 5.0)),
        ("samplers", "heun", ("heun",)),
    ],
)
def test_an_axis_is_selected(axis, text, expected):
    assert matrix.choose(axis, text) == expected


@pytest.mark.parametrize("axis, text", [("samplers", "euler,eular"), ("steps", "21"), ("cfg", ""), ("models", "unet")])
def test_what_is_not_offered_is_named(axis, text):
    with pytest.raises(ValueError, match=rf"^--{axis} has '{text.split(',')[-1]}'; expected some of "):
        matrix.choose(axis, text)


def test_numbers_of_calls():
    assert rivals.counts(20) == list(range(7, 18))
    assert rivals.counts(8) == [3, 4, 5, 6] and rivals.counts(50)[0] == 18 and rivals.counts(50)[-1] == 42
    assert rivals.counts(20, points=3) == [7, 12, 17] and rivals.counts(20, points=1) == [12]


def settings(cell, rival, **given):
    return [run.setting for run in rivals.runs(cell, **given) if run.rival == rival]


def test_runs_of_a_cell():
    assert settings(CELL, "ours") == [f"calls:{n}" for n in range(4, 18)]
    assert settings(CELL, "ours auto") == ["quality", "balanced", "fast", "turbo"]
    assert settings(CELL, "fewer steps") == settings(CELL, "deis") == [f"{n} steps" for n in range(7, 18)]
    assert len(settings(CELL, "EasyCache")) == len(settings(CELL, "LazyCache")) == len(rivals.THRESHOLDS)
    assert not settings(CELL, "original") and len(settings(CELL, "original", packs=rivals.PACKS)) == 10
    assert len(settings(CELL, "Spectrum node", packs=["SPECTRUM_SDXL"])) == 40 and not settings(CELL, "Spectrum node")
    assert all(run.job.steps == 20 for run in rivals.runs(CELL) if run.rival in ("ours", "EasyCache"))
    assert len(rivals.runs(CELL, points=3)) < len(rivals.runs(CELL)) / 2
    assert settings(CELL, "ours", points=3) == settings(CELL, "ours")
    thin = ["7 steps", "12 steps", "17 steps"]
    assert settings(CELL, "fewer steps", points=3) == settings(CELL, "deis", points=3) == thin


def test_two_evaluations_a_step():
    """Heun with n steps is matched by other solvers with 2n - 1."""
    heun = CELL._replace(sampler="heun")
    assert settings(heun, "fewer steps")[0] == "7 steps" and settings(heun, "dpmpp_2m")[0] == "13 steps"
    assert settings(heun, "ours") == settings(CELL, "ours")


def test_a_solver_is_no_rival_of_itself_and_none_of_added_noise():
    assert not settings(CELL._replace(sampler="dpmpp_2m"), "dpmpp_2m")
    noisy = CELL._replace(sampler="euler_ancestral")
    assert {run.rival for run in rivals.runs(noisy, packs=rivals.PACKS)} == {
        "ours",
        "ours auto",
        "fewer steps",
        "EasyCache",
        "LazyCache",
        "Spectrum node",
    }


def test_references():
    assert rivals.full(CELL, "deis") == rivals.RivalTask(*CELL) and rivals.full(CELL, "original").option == "none"
    assert (rivals.exact(CELL).sampler, rivals.exact(CELL).steps, rivals.exact(CELL).schedule) == (
        "dpmpp_2m",
        200,
        "simple",
    )


# -- how it is measured ------------------------------------------------------------------------------------------------


def picture(value, seed=0):
    return value + 0.3 * torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def test_the_demo_s_definition_of_ssim_and_psnr():
    first, second = to_pixels(picture(0.1)), to_pixels(picture(0.2, 1))
    whole = similarity(first, second)
    assert whole == pytest.approx([float(values.mean()) for values in each(first, second)], abs=1e-6)
    for i in range(2):
        alone = similarity(first[i : i + 1], second[i : i + 1])
        assert [float(values[i]) for values in each(first, second)] == pytest.approx(alone, abs=1e-5)


def test_a_score():
    full, exact = Made(picture(0.0), 20.0, 3.0), Made(picture(0.0) * 0.95, 200.0, 30.0)
    off = torch.tensor([0.01, 0.1]).reshape(2, 1, 1, 1)
    found = score(Made(full.latents * (1 + off), 9.0, 1.5), full, exact)
    assert (found["calls"], found["full_calls"], found["seconds"], found["images"]) == (9, 20, 1.5, 2)
    errors = found["error_median"], found["error_worst"]
    assert errors == pytest.approx((0.01, 0.1), abs=1e-5)
    ssim, psnr = each(to_pixels(full.latents * (1 + off)), to_pixels(full.latents))
    assert found["worst_ssim"] == pytest.approx(float(ssim.min()), abs=1e-6)
    assert found["psnr_se"] == pytest.approx(abs(float(psnr[0] - psnr[1])) / 2, abs=1e-4)
    assert found["exact_psnr"] < found["psnr"] and "exact_psnr" not in score(full, full)


def test_equal_images_and_broken_ones():
    full = Made(picture(0.0), 20.0, 3.0)
    same = score(full, full)
    assert (same["ssim"], same["psnr"], same["psnr_se"]) == (1, EXACT, 0)
    assert "failed" in score(full._replace(latents=full.latents * math.nan), full)


def test_standard_error():
    assert mean(torch.tensor([1.0, 2.0, 3.0, 4.0])) == pytest.approx((2.5, 1.290994 / 2), abs=1e-6)
    assert mean(torch.tensor([0.5])) == (0.5, 0.0)


# -- what is kept ------------------------------------------------------------------------------------------------------


class FakeWorker:
    """Latents that depend on the job; dies at some, counts what it makes, stops the whole thing after a while."""

    def __init__(self, dies=(), stops=math.inf):
        self.dies, self.stops, self.made = dies, stops, []

    def make(self, job):
        if len(self.made) >= self.stops:
            raise KeyboardInterrupt
        if job.kind in self.dies:
            raise WorkerDied(f"{job.kind} ended the worker")
        self.made.append(job)
        shift = sum(map(ord, f"{job.kind}{job.option}{job.steps}")) / 1e4
        return Made(picture(0.0) * (1 + shift), float(job.steps), 0.1)


class Bar:
    def set_description(self, text):
        pass

    def update(self):
        pass


def played(path, worker, **given):
    results = Results(path)
    todo = play.pending([CELL], CONDITIONS, results, 3, (), **given)
    play.play(todo, worker, results, Bar())
    return todo


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    path = tmp_path / "results.jsonl"
    every = rivals.runs(CELL, 3)
    with pytest.raises(KeyboardInterrupt):
        played(path, FakeWorker(stops=20))
    before = len(path.read_text().splitlines())
    assert 0 < before < len(every)
    assert len(played(path, FakeWorker())) == len(every) - before
    assert len(path.read_text().splitlines()) == len(every) and not played(path, FakeWorker())
    rows = Results(path).of([CELL], CONDITIONS)[CELL]
    assert [(r["rival"], r["setting"]) for r in rows] == [(run.rival, run.setting) for run in every]


def test_other_images_are_other_runs(tmp_path):
    path = tmp_path / "results.jsonl"
    played(path, FakeWorker())
    results = Results(path)
    assert not results.of([CELL], CONDITIONS | {"seed": 1})[CELL]
    assert len(play.pending([CELL], CONDITIONS | {"images": 3}, results, 3, ())) == len(rivals.runs(CELL, 3))
    assert not play.pending([CELL], CONDITIONS, results, 3, ())


def test_a_line_cut_short_is_run_again(tmp_path):
    path = tmp_path / "results.jsonl"
    played(path, FakeWorker())
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert len(played(path, FakeWorker())) == 1
    assert len(path.read_bytes().splitlines()) == len(whole.splitlines())
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"a": 1}\n')
    with pytest.raises(ValueError, match=r"results.jsonl, line 1: 'model'; expected a row of this benchmark"):
        Results(path)


def test_a_rival_that_fails_is_kept_as_such_and_ours_is_not(tmp_path):
    path = tmp_path / "results.jsonl"
    played(path, FakeWorker(dies=["LazyCache"]))
    results = Results(path)
    failed = results.failed([CELL])
    assert {r["rival"] for r in failed} == {"LazyCache"} and not played(path, FakeWorker())
    assert all(r["rival"] != "LazyCache" for r in results.of([CELL], CONDITIONS)[CELL])
    assert len(played(path, FakeWorker(), again=["LazyCache"])) == len(failed)
    with pytest.raises(WorkerDied):
        played(tmp_path / "other.jsonl", FakeWorker(dies=["ours"]))


def test_a_rival_whose_own_full_run_fails(tmp_path):
    results = Results(tmp_path / "results.jsonl")
    todo = play.pending([CELL], CONDITIONS, results, 3, rivals.PACKS)
    play.play(todo, FakeWorker(dies=["original"]), results, Bar())
    assert {row["rival"] for row in results.failed([CELL])} == {"original"}


def test_ours_again_when_the_engine_has_changed(tmp_path, monkeypatch):
    path = tmp_path / "results.jsonl"
    played(path, FakeWorker())
    assert not played(path, FakeWorker(), again=["ours"])
    monkeypatch.setattr(play, "engine", lambda: "another1")
    assert not played(path, FakeWorker())
    mine = [run for run in rivals.runs(CELL, 3) if run.rival == "ours"]
    assert len(played(path, FakeWorker(), again=["ours"])) == len(mine)
    assert {r["engine"] for r in Results(path).rows.values() if r["rival"] == "ours"} == {"another1"}


# -- who wins ----------------------------------------------------------------------------------------------------------


def outcomes(*rows, metric="ssim"):
    return [(d.rival, d.outcome) for d in verdict.duels({CELL: list(rows)}) if d.metric == metric]


@pytest.mark.parametrize(
    "theirs, outcome",
    [
        (0.95, "won"),
        (0.96, "won"),
        (0.969, "tied"),
        (0.97, "tied"),
        (0.9701, "lost"),
    ],
)
def test_a_tie_is_within_one_standard_error(theirs, outcome):
    assert outcomes(ours(10, 0.96), row("deis", "10 steps", 10, theirs)) == [("deis", outcome)]


def test_psnr_is_judged_by_itself():
    rows = ours(10, 0.9, 30.0), row("deis", "10 steps", 10, 0.99, 28.0)
    assert outcomes(*rows) == [("deis", "lost")] and outcomes(*rows, metric="psnr") == [("deis", "won")]


def test_a_rival_s_best_at_no_more_calls_counts():
    rows = [row("EasyCache", "0.1", 8, 0.98), row("EasyCache", "0.2", 9, 0.5), row("EasyCache", "0.05", 11, 0.999)]
    assert outcomes(ours(9, 0.96), *rows) == [("EasyCache", "lost")]
    (duel,) = (d for d in verdict.duels({CELL: [ours(9, 0.96), *rows]}) if d.metric == "ssim")
    assert (duel.setting, duel.rival_calls, duel.margin) == ("0.1", 8, pytest.approx(-0.02))
    assert not outcomes(ours(7, 0.96), *rows)  # nothing of theirs at 7 calls


def test_only_between_35_and_85_percent():
    them = row("deis", "4 steps", 4, 0.1)
    for calls, compared in ((6, False), (7, True), (17, True), (18, False)):
        assert bool(outcomes(ours(calls, 0.9), them)) is compared


# -- targets -----------------------------------------------------------------------------------------------------------


def target(rows, name):
    (found,) = (t for t in targets(rows) if t.name.startswith(name))
    return found.met, found.figure


def test_nothing_lost():
    rows = {CELL: [ours(10, 0.96), row("deis", "10 steps", 10, 0.965)]}
    assert target(rows, "SSIM at or above") == (True, "0 won, 1 tied, 0 lost of 1")
    rows[CELL].append(row("uni_pc", "10 steps", 10, 0.99))
    assert target(rows, "SSIM at or above") == (False, "0 won, 1 tied, 1 lost of 2")
    for other in (CELL._replace(sampler="euler_ancestral"), CELL._replace(steps=50)):
        assert target({other: rows[CELL]}, "SSIM at or above")[0] is None


def test_calls_for_a_given_ssim():
    cells = [CELL, CELL._replace(schedule="beta"), CELL._replace(schedule="karras")]
    need = {cells[0]: 7, cells[1]: 6, cells[2]: 12}
    rows = {c: [ours(5, 0.5, cell=c), ours(n, 0.95, cell=c), ours(16, 0.97, cell=c)] for c, n in need.items()}
    assert target(rows, "calls for SSIM 0.95, 20") == (True, "35 % (of 3)")
    assert target(rows, "calls for SSIM 0.99, 20") == (False, "not reached (of 3)")
    assert target(rows, "calls for SSIM 0.95, 50")[0] is None
    rows[cells[0]][1] = ours(8, 0.95)
    assert target(rows, "calls for SSIM 0.95, 20") == (False, "40 % (of 3)")
    mixed = {cell._replace(model="mixture-v"): every for cell, every in rows.items()}
    assert target(mixed, "calls for SSIM 0.95, 20")[0] is None


def test_distance_to_the_exact_solution():
    cell = CELL._replace(sampler="dpmpp_2m")
    rows = {cell: [ours(n, 0.9, 34.0, cell=cell) for n in (8, 9, 12, 13)]}
    rows[cell] += [row("fewer steps", f"{n} steps", n, 0.9, p, cell) for n, p in ((8, 0.0), (9, 29.0), (12, 30.0))]
    assert target(rows, "distance to the exact") == (True, "+4.5 dB (of 2)")
    rows[cell][-1]["exact_psnr"] = 32.0
    assert target(rows, "distance to the exact") == (False, "+3.5 dB (of 2)")


def test_noisy_samplers_at_60_percent():
    cell = CELL._replace(sampler="euler_ancestral")
    rows = {cell: [ours(11, 0.91, cell=cell), ours(12, 0.89, cell=cell), ours(13, 0.99, cell=cell)]}
    assert target(rows, "euler_ancestral: SSIM at 60 %") == (False, "0.890 (of 1)")
    assert target(rows, "dpmpp_2m_sde: SSIM at 60 %")[0] is None


def test_two_evaluations_against_one():
    heun = CELL._replace(sampler="heun")
    rows = {CELL: [ours(10, 0.96)], heun: [row("ours", "calls:11", 21, 0.96, cell=heun)]}
    assert target(rows, "heun: calls for SSIM 0.95") == (True, "+8 % (of 1)")  # 21/39 over 10/20
    rows[heun] = [row("ours", "calls:12", 23, 0.96, cell=heun)]
    assert target(rows, "heun: calls for SSIM 0.95") == (False, "+18 % (of 1)")


def test_few_steps():
    cell = CELL._replace(steps=8)
    auto = row("ours auto", "fast", 6, 0.9, cell=cell)
    rows = {cell: [ours(6, 0.96, cell=cell), ours(5, 0.99, cell=cell), auto]}
    assert target(rows, "few steps") == (False, "0.960 (of 1)")
    auto["calls"] = 8
    assert target(rows, "few steps") == (True, "1.000 (of 1)")


def test_the_tolerance():
    cells = [CELL._replace(schedule=name) for name in matrix.SCHEDULES]
    errors = dict(zip(cells, (0.02, 0.03, 0.05, 0.09, 0.09), strict=True))
    rows = {cell: [row("ours auto", "fast", 10, 0.9, cell=cell, error_worst=e)] for cell, e in errors.items()}
    assert target(rows, "fast:") == (True, "0.50; 100 %")
    rows[cells[0]][0]["error_worst"] = 0.11
    assert target(rows, "fast:") == (False, "0.90; 80 %")
    for every in rows.values():
        every[0]["error_worst"] = 0.02
    assert target(rows, "fast:") == (False, "0.20; 100 %")  # kept, but paid for with needless calls
    for every in rows.values():
        every[0]["calls"] = 20
    assert target(rows, "fast:")[0] is None


def test_calls_are_exact():
    heun = CELL._replace(sampler="heun")
    rows = {CELL: [ours(9, 0.9)], heun: [row("ours", "calls:12", 23, 0.9, cell=heun)]}
    assert target(rows, "calls:N") == (True, "2 of 2 runs")
    rows[heun][0]["calls"] = 24
    assert target(rows, "calls:N") == (False, "1 of 2 runs")


# -- what is shown -----------------------------------------------------------------------------------------------------


def made_up(samplers=matrix.SAMPLERS, schedules=matrix.SCHEDULES, model="unet-flow", steps=20):
    """Rows of every rival in every cell, ours ahead everywhere."""
    rows = {}
    for cell in matrix.cells([model], samplers, schedules, [steps], [2.0]):
        rows[cell] = []
        for run in rivals.runs(cell, packs=rivals.PACKS):
            calls = matrix.evaluations(cell.sampler, 4 + sum(map(ord, run.setting)) % 15)
            if run.rival == "ours":
                calls = matrix.evaluations(cell.sampler, int(run.setting.removeprefix("calls:")))
            share, gain = calls / matrix.evaluations(cell.sampler, steps), run.rival == "ours"
            ssim = 1 - (1 - share) ** 2 / (4 if gain else 2)
            rows[cell].append(row(run.rival, run.setting, calls, ssim, 20 + 30 * share + 3 * gain, cell))
    return rows


def test_ours_is_compared_where_its_rivals_were_run():
    """With 8 calls nobody else had the chance; for the calls that a fidelity takes that does not matter."""
    every = [
        *(ours(n, ssim) for n, ssim in ((7, 0.9), (8, 0.96), (9, 0.97), (10, 0.98))),
        *(row("fewer steps", f"{n} steps", n, 0.8) for n in (7, 9)),
        row("EasyCache", "0.1", 8, 0.85),
    ]
    assert {duel.calls for duel in verdict.duels({CELL: every})} == {7, 9}
    assert verdict.share_needed(every, 0.95) == 40
    assert verdict.share_needed([ours(11, 0.99)], 0.99) == 55
    at_40 = {line.split(" | ")[0]: line.split(" | ")[1] for line in page.share_table({CELL: every}).splitlines()[2:]}
    assert at_40 == {"| ours": "0.900 (1)", "| fewer steps": "0.800 (1)", "| EasyCache": "0.850 (1)"}


def test_where_it_wins_is_told_by_model_schedule_and_share_of_the_calls():
    """8 and 9 of 20 calls lie on both sides of 45 %, 12 and 13 on both sides of 65 %; PSNR does not count."""
    flow, karras = CELL._replace(schedule="simple"), CELL._replace(model="mixture-v", schedule="karras")
    rows = {
        flow: [
            *(row("ours", f"calls:{n}", n, ssim, cell=flow) for n, ssim in ((8, 0.9), (9, 0.9), (12, 0.9), (13, 0.98))),
            *(
                row("fewer steps", f"{n} steps", n, ssim, 99, flow)
                for n, ssim in (
                    (8, 0.95),
                    (9, 0.95),
                    (12, 0.95),
                    (13, 0.985),
                )
            ),
        ],
        karras: [row("ours", "calls:17", 17, 0.9, cell=karras), row("deis", "17 steps", 17, 0.8, cell=karras)],
    }
    assert page.place_table(rows, verdict.duels(rows)).splitlines() == [
        "| SSIM won/tied/lost | 35-45 % of the calls | 45-65 % of the calls | 65-85 % of the calls |",
        "| --- | --- | --- | --- |",
        "| unet-flow simple | 0/0/1 | 0/0/2 | 0/1/0 |",
        "| mixture-v karras | 0/0/0 | 0/0/0 | 1/0/0 |",
    ]


def test_curves_have_a_panel_a_cell_and_every_rival_in_the_legend():
    rows = made_up(["euler", "heun"], ["simple", "karras"])
    figure = curves.draw(rows, "title")
    panels = [axes for part in figure.subfigs for axes in part.axes]
    assert len(panels) == 2 * len(rows)
    assert [panel.get_ylabel() for panel in panels[:2]] == ["SSIM", "PSNR, dB"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(curves.STYLES)
    widths = {name: style["lw"] for name, style in curves.STYLES.items()}
    assert max(widths, key=widths.get) == "ours"
    assert len({(style["color"], style["marker"]) for style in curves.STYLES.values()}) == len(curves.STYLES)


@pytest.mark.parametrize("samplers", [["euler"], ["euler", "dpmpp_2s_ancestral"], list(matrix.SAMPLERS)])
def test_nothing_is_outside_the_picture(samplers):
    figure = curves.draw(made_up(samplers, ["bong_tangent"]), "unet-flow, bong_tangent, 20 steps, CFG 2")
    figure.draw_without_rendering()
    assert sum(len(part.axes) for part in figure.subfigs) == 2 * len(samplers)
    across, down = figure.get_size_inches()
    assert across < 14 and down < 12
    room = figure.bbox
    texts = [figure.legends[0], *figure.texts, *(text for part in figure.subfigs for text in part.texts)]
    texts += [axes.yaxis.label for part in figure.subfigs for axes in part.axes]
    for box in (text.get_window_extent() for text in texts):
        assert room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 and box.y1 <= room.y1
    panels = [axes.get_window_extent() for part in figure.subfigs for axes in part.axes]
    assert not any(panel.overlaps(figure.legends[0].get_window_extent()) for panel in panels)


def test_the_best_of_equal_calls_is_drawn():
    rows = [row("EasyCache", "0.1", 9, 0.8), row("EasyCache", "0.2", 9, 0.9), row("EasyCache", "0.3", 7, 0.5)]
    assert curves.best_of(rows, "ssim") == [(7, 0.5), (9, 0.9)]


def test_report_of_a_run(tmp_path, capsys):
    out, shown = tmp_path / "out", tmp_path / "docs" / "benchmarks.md"
    out.mkdir()
    shown.parent.mkdir()
    results = Results(out / "results.jsonl")
    rows = made_up(["euler"], ["simple"]) | made_up(["euler"], ["simple"], "mixture-v")
    rows[CELL].append(row("deis", "99 steps", 9, 0.9999))
    results.facts({"comfyui": "0.3.64"})
    for every in rows.values():
        for one in every:
            results.add(one)
    given = ["--out", str(out), "--images", "2", "--models", "unet-flow,mixture-v", "--report", "--page", str(shown)]
    head_to_head.main(given)
    text = shown.read_text()
    assert (
        "`ORIGINAL_FSAMPLER=CHECKOUT SPECTRUM_SDXL=CHECKOUT python -m fsampler_research.benchmarks.head_to_head --out"
        in text
    )
    assert "ComfyUI 0.3.64" in text
    assert "2 images a cell" in text and "2 cells of the full matrix's 5250" in text
    assert "deis 99 steps 0.99990 (9 calls)" in text and "deis 99 steps" in (out / "lost.md").read_text()
    for name in ("unet-flow_simple_20_cfg2.png", "mixture-v_simple_20_cfg2.png"):
        assert f"(benchmarks/{name})" in text and (shown.parent / "benchmarks" / name).stat().st_size > 10_000
    assert (shown.parent / "benchmarks" / "lost.md").read_text() == (out / "lost.md").read_text()
    assert (out / "runs.md").read_text().count("\n") == 2 + sum(map(len, rows.values()))
    assert "| target | wanted | measured |" in capsys.readouterr().out
    assert all(len(line) < 400 for line in text.splitlines())
    (shown.parent / "benchmarks" / "remarks.md").write_text("Why it is so.\n")
    head_to_head.main(given)
    head, targets = shown.read_text().split("## Targets")
    assert "Why it is so.\n" in head and targets == text.split("## Targets")[1]


def test_the_page_in_docs_ends_as_it_is_written_today():
    """What is added by hand there is gone with the next run."""
    said = page.METHOD.format(comfyui="0.3.64", low=min(rivals.THRESHOLDS), high=max(rivals.THRESHOLDS))
    assert (ROOT / "docs" / "benchmarks.md").read_text().endswith("\n\n" + said)


def test_the_published_part_is_one_command():
    args = head_to_head.parser().parse_args(["--published"])
    parts, conditions = head_to_head.chosen(args)
    assert conditions["images"] == 16 and head_to_head.defaults(args)["points"] == 5
    every = [cell for part in parts for cell in matrix.cells(**part)]
    assert len(set(every)) == len(every)
    for axis, values in matrix.AXES.items():
        missing = set(values) - {value for part in parts for value in part[axis]}
        assert missing == ({"mixture-v"} if axis == "models" else set())
    assert report.covered(parts, 7).startswith("7 cells of the full matrix's 5250, in 16 parts")


def test_which_pictures_the_page_shows():
    eps = ["karras_20_cfg2", "simple_8_cfg2", "simple_30_cfg5", "simple_20_cfg5", "bong_tangent_20_cfg2"]
    names = [f"unet-eps_{name}.png" for name in eps] + ["mixture-v_sgm_uniform_50_cfg1.png"]
    assert report.example(names) == ["unet-eps_simple_20_cfg5.png", "mixture-v_sgm_uniform_50_cfg1.png"]


def test_long_lists_of_losses_are_cut_on_the_page():
    lost = verdict.duels({CELL: [ours(10, 0.5), *(row(name, "x", 10, 0.9) for name in rivals.STOCK)]})
    assert page.lost_list(lost, most=1).count("\n") == 2 and "and 3 more" in page.lost_list(lost, most=1)
    assert "[here/lost.md](here/lost.md)" in page.lost_list(lost, 1, "here/lost.md")
    assert page.lost_list(lost).count("\n") == 4 and page.lost_list([]) == "None.\n"


@pytest.mark.parametrize(
    "given, message",
    [
        (["--steps", "21"], "head_to_head: --steps has '21'; expected some of 8, 12, 20, 30, 50"),
        (
            ["--published", "--steps", "20"],
            "head_to_head: --published is a selection of its own; expected no other beside it",
        ),
        (["--images", "0"], "head_to_head: --images is 0; expected 1 or more"),
    ],
)
def test_bad_input_is_one_line(given, message, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        head_to_head.main([*given, "--out", str(tmp_path)])
    assert stopped.value.code == message


def test_no_comfyui_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(head_to_head, "checkout", lambda: None)
    with pytest.raises(SystemExit) as stopped:
        head_to_head.main(["--quick", "--out", str(tmp_path)])
    assert stopped.value.code == "head_to_head: no ComfyUI at ~/comfy/ComfyUI; set COMFYUI_PATH to a checkout"


def test_without_its_weights_the_transformer_is_left_out(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(head_to_head, "WEIGHTS", tmp_path / "model.safetensors")
    (part,), conditions = head_to_head.chosen(head_to_head.parser().parse_args(["--models", "dit-flow,unet-v"]))
    assert part["models"] == ("unet-v",) and conditions == {"images": 64, "batch": 64, "seed": 0}
    assert capsys.readouterr().err == "dit-flow is left out: research/demo/transformer.safetensors is not there\n"
