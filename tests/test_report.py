"""The report: its line, table, JSON and chart, from records made by hand."""

import itertools
import json
import pathlib
import re
from dataclasses import replace

import pytest
from comfyui_fsampler.fsampler import Note, Record, Report, sample
from comfyui_fsampler.fsampler.chart import (
    BAR,
    ESTIMATE_COLOUR,
    HEAD,
    LANE,
    LEFT,
    PAPER,
    REAL_COLOUR,
    SKIP_COLOUR,
    THICK,
    THIN,
    TOP,
    draw,
)
from comfyui_fsampler.fsampler.notes import CODES
from comfyui_fsampler.samplers import SOLVERS
from PIL import Image, ImageDraw
from toys import noise, problem, schedule


def made(letters, mode="fast", estimate=0.006, reason="planned call"):
    records = [
        Record(i, 1.0 - i / 100, "REAL" if letter == "R" else "SKIP", reason, None if letter == "R" else estimate)
        for i, letter in enumerate(letters)
    ]
    return Report(mode, len(letters), records)


def test_the_line():
    assert made("RRR" + "SRS" * 5 + "SR").line() == "FSampler fast: 9/20 calls (55 % skipped), estimate 0.006"
    assert made("RRRR", "off").line() == "FSampler off: 4/4 calls (0 % skipped)"
    assert Report("auto", 20).line() == "FSampler auto: no calls"
    assert Report("auto", 20, notes=[Note("no-run", "not yet")]).line() == "FSampler auto: not yet"
    listed = made("RRS", "h2, " + ", ".join(map(str, range(2, 900))), None).line()
    assert listed == "FSampler h2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1...: 2/3 calls (33 % skipped)"
    report = made("RRS", "h2/s2", None)
    assert report.line() == "FSampler h2/s2: 2/3 calls (33 % skipped)"
    report.notes.append(Note("adds-noise", "sampler adds noise"))
    assert report.line() == "FSampler h2/s2: 2/3 calls (33 % skipped); sampler adds noise"


def test_the_estimate_is_the_largest_of_the_skips():
    kinds = [("REAL", 0.9), ("SKIP", 0.001), ("SKIP", None), ("SKIP", 0.02), ("SKIP", 0.004)]
    report = Report("auto", 5, [Record(i, 1.0, kind, "", e) for i, (kind, e) in enumerate(kinds)])
    assert report.estimate == 0.02


def test_several_evaluations_a_step():
    kinds = [(0, "REAL"), (0, "REAL"), (1, "REAL"), (1, "REAL"), (2, "SKIP"), (2, "SKIP"), (3, "REAL")]
    report = Report("h2/s2", 4, [Record(step, 1.0, kind, "planned call") for step, kind in kinds])
    assert (report.calls, report.evaluations, report.sequence) == (5, 7, "RRSR")
    assert [record.step for record in report.first_records()] == [0, 1, 2, 3]
    assert report.line() == "FSampler h2/s2: 5/7 calls (29 % skipped)"


REASONS = {
    "anchor": "anchor",
    "cadence call": "cadence call",
    "warm-up": "warm-up",
    "cap": "cap",
    "protected first": "protected first",
    "steps 0 and 1 are never skipped": "steps 0 and 1 are never skipped",
    "within gate: 0.099 of 0.1": "within gate",
    "over gate: 0.101 of 0.1": "over gate",
    "within tolerance: 0.006 of 0.008": "within tolerance",
    "within reserve: 0.006 of 1e-05": "within reserve",
    "over tolerance: nan of 0.008": "over tolerance",
    "rejected: norm ratio 1.2e-07 < 1e-06": "rejected: norm ratio",
    "rejected: cosine -0.60 < -0.5": "rejected: cosine",
    "rejected: not finite": "rejected: not finite",
}


@pytest.mark.parametrize("reason, name", REASONS.items())
def test_reasons_are_counted_without_their_figures(reason, name):
    assert made("RRSR", reason=reason).reasons() == {f"REAL {name}": 3, f"SKIP {name}": 1}


def test_the_reasons_of_a_run_add_up():
    _, report = sample(SOLVERS["euler"], problem(True), noise(flow=True), schedule(20, True), "adaptive")
    assert sum(report.reasons().values()) == 20
    assert set(report.reasons()) == {
        "REAL protected first",
        "REAL anchor",
        "REAL protected last",
        "REAL cap",
        "SKIP within gate",
    } | ({"REAL over gate"} & set(report.reasons()))


def test_the_table_has_a_row_for_each_evaluation_in_fixed_columns():
    report = made("RRSR")
    header, *rows, last = report.table().split("\n")
    assert header == "step       sigma  kind   estimate  reason"
    assert rows[2] == "   2     0.98000  SKIP    0.00600  planned call"
    assert rows[3] == "   3     0.97000  REAL             planned call"
    assert len(rows) == 4 and last == report.line()


def test_json_holds_everything():
    _, report = sample(SOLVERS["res_2s"], problem(), noise(), schedule(10), "calls:6")
    report.notes.append(Note("sigma-rises", "a note"))
    data = json.loads(report.to_json())
    assert data == report.to_dict()
    rebuilt = Report(
        data["mode"], data["steps"], [Record(**r) for r in data["records"]], [Note(**n) for n in data["notes"]]
    )
    assert rebuilt == report
    assert (data["calls"], data["evaluations"], data["sequence"]) == (report.calls, 19, report.sequence)
    assert data["reasons"] == report.reasons() and data["estimate"] == report.estimate


def test_every_code_of_a_note_is_explained_on_its_page():
    page = (pathlib.Path(__file__).parents[1] / "docs" / "notes.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == sorted(CODES)


def bars(image, lane, width, steps, margin=4):
    """The colour in the middle of each bar's lower part."""
    y = TOP + lane * LANE + HEAD + BAR - margin
    step = (width - 2 * LEFT) / steps
    return [image.getpixel((int(LEFT + (i + 0.4) * step), y)) for i in range(steps)]


def test_the_chart_shows_each_step_of_each_lane():
    reports = [made("RRSRS"), made("RRRSSSRRRS" * 2, estimate=None), Report("auto", 5)]
    image = draw(reports)
    assert isinstance(image, Image.Image) and image.mode == "RGB" and image.width == 960
    for lane, report in enumerate(reports[:2]):
        colours = bars(image, lane, 960, report.steps)
        assert colours == [REAL_COLOUR if letter == "R" else SKIP_COLOUR for letter in report.sequence]
    single = made("RSR").chart()
    assert isinstance(single, Image.Image) and single.height < image.height


def test_a_line_of_figures_is_read_whole_in_the_chart(monkeypatch):
    written, write = [], ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda pen, at, text, **how: written.append(text) or write(pen, at, text, **how)
    )
    line = "FSampler balanced: 14/20 calls (30 % skipped), 1.4x, about 0.86 s saved, estimate 0.078"
    monkeypatch.setattr(Report, "line", lambda report: line)
    draw([made("RRS")])
    assert line in written


def test_the_chart_shows_the_estimates_of_all_parts():
    report = made("RRS")
    report.records[2] = replace(report.records[2], estimate=0.8, by_part=(0.2, 0.8))
    image, middle = draw([report]), LEFT + round(2.4 * (960 - 2 * LEFT) / 3)
    bar = [image.getpixel((middle, y)) for y in range(TOP + HEAD, TOP + HEAD + BAR + 1)]
    lines = [len([*run]) for colour, run in itertools.groupby(bar) if colour == ESTIMATE_COLOUR]
    assert lines == [THICK, THIN]


@pytest.mark.parametrize("steps", [1, 20, 300, 928, 2000])
@pytest.mark.parametrize("width", [300, 960])
def test_no_lane_leaves_the_picture(steps, width):
    report = made(("RS" * steps)[:steps], mode="h2, " + ", ".join(map(str, range(200))))
    image = draw([report, report], width)
    assert image.width == width
    for left, right in ((0, LEFT - 4), (width - LEFT + 4, width)):
        assert {colour for _, colour in image.crop((left, TOP, right, image.height)).getcolors()} == {PAPER}


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="^no report to draw; expected at least one$"):
        draw([])
