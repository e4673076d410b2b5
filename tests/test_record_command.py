"""The command ``fsampler record``, the chart, and the benchmark of recorded plans."""

import pathlib

import pytest
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.fsampler.plan_chart import draw
from comfyui_fsampler.fsampler.plan_text import parse
from comfyui_fsampler.fsampler.recorded_plans import Expectation
from comfyui_fsampler.tools.cli import main
from fsampler_research.benchmarks import recorded
from fsampler_research.benchmarks.recorded import Row, page
from fsampler_research.benchmarks.steering.matrix import Cell
from PIL import Image

SMALL = ("--steps", "6", "--count", "1", "--threads", "1")


def test_it_prints_what_to_expect_and_a_plan_that_the_demo_follows(capsys, tmp_path):
    assert main(["record", "--calls", "4", "--cfg", "3", "--out", str(tmp_path), *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[0]) for line in lines[2:5]] == [3, 4, 5]
    sequence, plan = parse(lines[-1])
    assert sequence.count("R") == 4 and plan.setting == {"cfg": "3", "sampler": "euler", "size": "64x64"}
    assert (tmp_path / "plan.txt").read_text() == f"{lines[-1]}\n"
    assert Image.open(tmp_path / "plan.png").size == (720, 420)
    assert main(["demo", "--cfg", "3", "--mode", lines[-1], "--out", str(tmp_path / "demo"), *SMALL]) == 0
    assert f"plan:{sequence} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--calls", "7"), "--calls is 7; expected 3 to 6, the steps"),
        (("--calls", "4", "--sampler", "res_2s"), "a plan needs one answer a step"),
        (("--calls", "4", "--sampler", "nothing"), 'unknown sampler "nothing"'),
    ],
)
def test_what_cannot_be_recorded_is_one_line(arguments, said, capsys):
    assert main(["record", *SMALL, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_nothing_is_written_unless_it_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["record", "--calls", "4", *SMALL]) == 0
    assert not list(pathlib.Path().iterdir())


def test_the_chart_takes_any_expectation():
    extremes = [Expectation(3, 1e9, 0.0), Expectation(4, 1.0, 0.5), Expectation(5, 1e-9, float("1e-300"))]
    for outlook in (extremes, extremes[:1], [Expectation(calls, 0.1, 0.1) for calls in range(3, 200)]):
        assert draw(outlook, 4).size == (720, 420)
    assert draw([], 4).getcolors()[0][0] < 720 * 420  # it says that there is nothing


def test_the_benchmark_counts_what_is_lost():
    cell = Cell("unet", "flow", "simple", 1.0, "euler", 5.0, 20)
    found = [Row(cell, 8, 30.0, 30.0 + gain, 29.5, promised, 1.0) for gain, promised in ((2.0, 1.0), (-1.5, 0.1))]
    text = page(found)
    assert "| 8 | 2 | +0.25 | +0.25 | -1.5 | 1 | 1 |" in text and "| 5 | 2 | +0.25 |" in text
    assert "Said to be as good as calls:N: 1, mean gain -1.50 dB." in text


def test_the_benchmark_records_other_images_than_it_measures(monkeypatch):
    seen = []
    problem = recorded.Problem
    monkeypatch.setattr(recorded, "Problem", lambda *given: seen.append(given) or problem(*given))
    cell = Cell("mixture", "flow", "simple", 1.0, "euler", 1.0, 20)
    (row,) = recorded.measured(cell, [0.4], 2, 1, 0)
    assert [given[1:] for given in seen] == [(2, recorded.APART), (1, 0)] and row.calls == 8
    assert Config.parse("calls:8").mode == "calls:8" and row.planned > row.fewer
