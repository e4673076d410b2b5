"""`fsampler compare`: what it reads, its figures, the charts, and that nothing hostile gets into the page."""

import csv
import io
import json
import math
import re
import resource
import weakref
import xml.etree.ElementTree as tree

import numpy
import pytest
import torch
from comfyui_fsampler.tools import cli
from comfyui_fsampler.tools.compare import charts, figures, pictures
from comfyui_fsampler.tools.compare.figures import summary
from comfyui_fsampler.tools.compare.load import FinishedJob, load
from comfyui_fsampler.tools.compare.pictures import data_uri, difference
from comfyui_fsampler.tools.metrics import similarity
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio


def pairs(modes, jobs):
    return list(figures.pairs(modes, jobs, []))


class Held:
    """A picture that is there already."""

    def __init__(self, image):
        self.image = image

    def read(self):
        return self.image


HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def picture(value, size=(40, 32), noise=0):
    made = numpy.random.default_rng(0).integers(0, 200, (size[1], size[0], 3))
    return Image.fromarray((made + value + noise * numpy.indices(made.shape).sum(0) % 7).clip(0, 255).astype("uint8"))


def report(calls=10, mode="fast"):
    kinds = ["REAL" if at < calls else "SKIP" for at in range(20)]
    records = [
        {"step": at, "sigma": 1.0, "kind": kind, "reason": "why <&", "estimate": at / 100}
        for at, kind in enumerate(kinds)
    ]
    return {
        "node": "1",
        "title": "FSampler (model)",
        "mode": mode,
        "calls": calls,
        "evaluations": 20,
        "sequence": "".join(kind[0] for kind in kinds),
        "records": records,
    }


def write(folder, modes=("off", "fast"), seeds=(1, 2), node="9", shift=4):
    """A folder as `fsampler queue` leaves it; the pictures of other modes than off are ``shift`` brighter."""
    for name in ("jobs", "images"):
        (folder / name).mkdir(parents=True)
    (folder / "queue.json").write_text(json.dumps({"plan": "x", "modes": modes, "seeds": seeds}))
    for at, mode in enumerate(modes):
        for seed in seeds:
            name = f"{at}-{seed}.png"
            picture(seed * 10 + (shift if mode != "off" else 0)).save(folder / "images" / name)
            (folder / f"jobs/{at}-{seed}.json").write_text(
                json.dumps(
                    {
                        "mode": mode,
                        "seed": seed,
                        "server": "http://a",
                        "warm": seed > 1,
                        "seconds": (8.0 if mode == "off" else 4.0) + (100 if seed == 1 else 0),
                        "sampling_seconds": None,
                        "reports": [report(20 if mode == "off" else 10, mode)],
                        "images": [{"file": name, "bytes": 1, "node": node, "title": "Save", "index": 0}],
                    }
                )
            )
    return folder


def compare(folder, capsys):
    code = cli.main(["compare", str(folder)])
    out, err = capsys.readouterr()
    return code, out, err


class TestCommand:
    def test_the_three_files_agree(self, tmp_path, capsys):
        code, out, _ = compare(write(tmp_path / "a ü"), capsys)
        assert code == 0 and "report.html" in out
        whole = json.loads((tmp_path / "a ü/report.json").read_text())
        rows = list(csv.DictReader(io.StringIO((tmp_path / "a ü/report.csv").read_text())))
        assert [f"{row['mode']} {row['seed']}" for row in rows] == ["off 1", "off 2", "fast 1", "fast 2"]
        first, second = (numpy.asarray(picture(10 + shift)) for shift in (0, 4))
        expected = peak_signal_noise_ratio(first, second)
        assert float(rows[2]["psnr"]) == pytest.approx(expected, abs=1e-3)
        assert whole["pictures"][2]["psnr"] == pytest.approx(expected, abs=1e-3)
        assert rows[0]["psnr"] == "" and rows[2]["calls"] == "10"

    def test_seconds_are_of_warm_runs(self, tmp_path, capsys):
        compare(write(tmp_path / "a"), capsys)
        rows = {row["mode"]: row for row in json.loads((tmp_path / "a/report.json").read_text())["summary"]}
        assert rows["off"]["seconds"] == 8.0 and rows["fast"]["factor"] == 2.0

    def test_the_speedup_is_the_reports_own(self, tmp_path, capsys):
        """Of several samplings by their seconds; what is no figure is left out."""
        job = FinishedJob("fast", 1, {"reports": [report() | {"seconds": 2.0, "speedup": 3.0}, report()]}, {})
        assert job.speedup() == 3.0
        job.record["reports"].append({"seconds": 6.0, "speedup": 1.0})
        assert job.speedup() == pytest.approx((2 * 3 + 6 * 1) / 8)
        for seconds, speedup in ((10**400, 2.0), (1.0, "2"), (True, 2.0), (-1.0, 2.0), (1.0, float("inf"))):
            assert FinishedJob("fast", 1, {"reports": [{"seconds": seconds, "speedup": speedup}]}, {}).speedup() is None
        folder = write(tmp_path / "a")
        for path in (folder / "jobs").glob("1-*.json"):
            record = json.loads(path.read_text())
            record["reports"][0] |= {"seconds": 5.0, "speedup": 1.75}
            path.write_text(json.dumps(record))
        compare(folder, capsys)
        assert "<dd>1.75x</dd>" in (folder / "report.html").read_text()
        with open(folder / "report.csv", newline="") as file:
            told = {(line["mode"], line["speedup"]) for line in csv.DictReader(file)}
        assert told == {("off", ""), ("fast", "1.75")}

    def test_the_page_asks_the_network_for_nothing(self, tmp_path, capsys):
        compare(write(tmp_path / "a"), capsys)
        page = (tmp_path / "a/report.html").read_text()
        assert all(src.startswith("data:") for src in re.findall(r'(?:src|href)="([^"#]+)', page))
        assert "default-src 'none'" in page and "@import" not in page and "url(" not in page

    def test_nothing_hostile_gets_out_of_its_place(self, tmp_path, capsys):
        folder = write(tmp_path / "a", modes=("off", HOSTILE), node=HOSTILE)
        for path in (folder / "jobs").iterdir():
            record = json.loads(path.read_text()) | {"server": HOSTILE}
            record["reports"][0].update(title=HOSTILE, sequence=HOSTILE)
            record["reports"][0]["records"][0].update(reason=HOSTILE, step=HOSTILE)
            path.write_text(json.dumps(record))
        assert cli.main(["compare", str(folder), "--title", HOSTILE]) == 0
        page = (folder / "report.html").read_text()
        assert page.count("<script>") == 1 and "<img src=x" not in page and "&lt;img src=x" in page

    def test_a_text_that_a_spreadsheet_would_run(self, tmp_path, capsys):
        folder = write(tmp_path / "a", node="=cmd()")
        compare(folder, capsys)
        assert ",'=cmd()," in (folder / "report.csv").read_text()

    @pytest.mark.parametrize(
        "spoil, message",
        [
            (lambda folder: (folder / "queue.json").unlink(), "no readable queue.json"),
            (lambda folder: [path.unlink() for path in (folder / "jobs").glob("0-*")], "for lack of runs of mode off"),
            (lambda folder: [path.unlink() for path in (folder / "jobs").glob("1-*")], "nothing to compare"),
        ],
    )
    def test_nothing_to_compare(self, spoil, message, tmp_path, capsys):
        folder = write(tmp_path / "a")
        spoil(folder)
        code, _, err = compare(folder, capsys)
        assert code == 2 and message in err and not (folder / "report.html").exists()

    def test_what_is_broken_is_named_and_the_rest_compared(self, tmp_path, capsys):
        folder = write(tmp_path / "a", seeds=(1, 2, 3))
        (folder / "jobs/1-1.json").write_text('{"mode": "fa')
        (folder / "images/1-2.png").write_bytes(b"\x89PNG\r\n\x1a\nhalf")
        code, out, _ = compare(folder, capsys)
        assert code == 0 and "1-1.json is not whole" in out and "1-2.png of fast seed 2 cannot be read" in out
        assert "1 of 6 jobs are not finished" in out
        assert 'id="seed-3"' in (folder / "report.html").read_text()

    def test_a_full_run_that_nobody_asked_for_comes_first_and_is_not_missed(self, tmp_path, capsys):
        """As ``fsampler queue --record`` leaves it: the full run of one seed, which is in no list of modes."""
        write(tmp_path, modes=("off", "fast"))
        plan = json.loads((tmp_path / "queue.json").read_text())
        (tmp_path / "queue.json").write_text(json.dumps(plan | {"modes": ["fast"]}))
        (tmp_path / "jobs/0-2.json").unlink()
        modes, jobs, remarks = load(tmp_path)
        assert modes == ["off", "fast"] and len(jobs) == 3 and not remarks
        assert compare(tmp_path, capsys)[0] == 0

    def test_names_that_lead_out_of_the_folder_are_not_opened(self, tmp_path, capsys):
        folder = write(tmp_path / "a")
        picture(0).save(tmp_path / "outside.png")
        path = folder / "jobs/1-1.json"
        record = json.loads(path.read_text())
        record["images"][0]["file"] = "../../outside.png"
        path.write_text(json.dumps(record))
        _, jobs, remarks = load(folder)
        assert [job.images for job in jobs if (job.mode, job.seed) == ("fast", 1)] == [{}]
        assert any("no name that is only a name" in remark for remark in remarks)

    def test_out_of_disk_says_so_and_leaves_the_page_that_was_there(self, tmp_path, capsys):
        """A limit on the size of files stands for a full disk."""
        folder = write(tmp_path / "a")
        assert compare(folder, capsys)[0] == 0
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
        try:
            code, _, err = compare(folder, capsys)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert code == 2 and "cannot write to" in err and "File too large" in err
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


class TestOtherFiles:
    def add(self, folder, **entry):
        (folder / "files").mkdir(exist_ok=True)
        for path in (folder / "jobs").iterdir():
            name = f"{path.stem}.webm"
            file = {"file": name, "bytes": 4, "node": "7", "title": "Save", "named": "vidéo.webm"} | entry
            (folder / "files" / name).write_bytes(b"data")
            path.write_text(json.dumps(json.loads(path.read_text()) | {"files": [file]}))
        return folder

    def links(self, folder):
        return re.findall(r'<a href="([^"#]+)">([^<]*)', (folder / "report.html").read_text())

    def test_they_are_links_beside_the_pictures(self, tmp_path, capsys):
        folder = self.add(write(tmp_path / "a"))
        assert compare(folder, capsys)[0] == 0
        found = self.links(folder)
        assert sorted(place for place, _ in found) == [f"files/{at}-{seed}.webm" for at in (0, 1) for seed in (1, 2)]
        assert {name for _, name in found} == {"vidéo.webm of Save 7"}
        assert all((folder / place).is_file() for place, _ in found)
        assert len(json.loads((folder / "report.json").read_text())["files"]) == 4

    def test_without_any_picture_calls_and_seconds_are_compared(self, tmp_path, capsys):
        folder = self.add(write(tmp_path / "a"))
        for path in (folder / "jobs").iterdir():
            path.write_text(json.dumps(json.loads(path.read_text()) | {"images": []}))
        code, out, _ = compare(folder, capsys)
        page = (folder / "report.html").read_text()
        assert code == 0 and "there are no pictures" in out and len(self.links(folder)) == 4
        assert page.count("<article>") == 4 and page.count('class="steps"') == 4 and "<img" not in page

    def test_of_moving_pictures_the_first_is_compared_and_all_are_a_link(self, tmp_path, capsys):
        folder = write(tmp_path / "a", seeds=(1,))
        for path in (folder / "jobs").iterdir():
            record = json.loads(path.read_text())
            name = path.stem + ".webp"
            frames = [picture(value, noise=record["mode"] == "fast") for value in (0, 9)]
            frames[0].save(folder / "images" / name, save_all=True, append_images=frames[1:], lossless=True)
            record["images"][0]["file"] = name
            path.write_text(json.dumps(record))
        assert compare(folder, capsys)[0] == 0
        assert self.links(folder) == [
            (f"images/{at}-1.webp", f"{at}-1.webp of Save 9: 2 frames, of which the first is compared") for at in (0, 1)
        ]
        assert len(json.loads((folder / "report.json").read_text())["pictures"]) == 2

    @pytest.mark.parametrize(
        "change, remark",
        [
            ({"file": "../../outside.webm"}, "no name that is only a name"),
            ({"file": "none.webm"}, "is missing"),
            ({"file": 3}, "no name that is only a name"),
        ],
    )
    def test_what_is_no_file_here_is_named_and_no_link(self, change, remark, tmp_path, capsys):
        (tmp_path / "outside.webm").write_bytes(b"")
        folder = self.add(write(tmp_path / "a"), **change)
        code, out, _ = compare(folder, capsys)
        assert code == 0 and remark in out and self.links(folder) == []

    def test_hostile_names_stay_text(self, tmp_path, capsys):
        folder = self.add(write(tmp_path / "a"), named=HOSTILE, title=HOSTILE)
        assert compare(folder, capsys)[0] == 0
        page = (folder / "report.html").read_text()
        assert page.count("<script>") == 1 and "<img src=x" not in page and "&lt;img src=x" in page


class TestFigures:
    def job(self, mode, image, seed=1, **record):
        return FinishedJob(mode, seed, record, {("9", 0): Held(image)})

    def test_identical_and_other_size(self):
        jobs = [self.job("off", picture(0)), self.job("a", picture(0)), self.job("b", picture(0, size=(64, 64)))]
        same, other = pairs(["off", "a", "b"], jobs)
        assert (same.ssim, same.psnr, same.same) == (1.0, None, True)
        assert (other.ssim, other.psnr, other.same) == (None, None, False)
        assert other.apart is None

    def test_pictures_smaller_than_the_window(self):
        jobs = [self.job("off", picture(0, (8, 8))), self.job("a", picture(9, (8, 8)))]
        assert [pair.ssim for pair in pairs(["off", "a"], jobs)] == [None]

    def test_only_pictures_of_one_node_and_seed_are_compared(self):
        jobs = [
            self.job("off", picture(0)),
            self.job("a", picture(0), seed=2),
            FinishedJob("a", 1, {}, {("8", 0): Held(picture(0))}),
        ]
        assert list(pairs(["off", "a"], jobs)) == []

    def test_the_difference_map(self):
        first, second = Image.new("RGB", (2, 1)), Image.new("RGB", (2, 1))
        second.putpixel((1, 0), (32, 32, 32))  # an eighth of the range
        assert [difference(first, second).getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 191)]

    def test_the_factor_is_of_sampling_where_it_was_observed(self):
        jobs = [
            self.job("off", picture(0), seconds=10.0, sampling_seconds=8.0),
            self.job("a", picture(1), seconds=6.0, sampling_seconds=2.0),
        ]
        rows = summary(["off", "a"], jobs, list(pairs(["off", "a"], jobs)))
        assert [row["factor"] for row in rows] == [1.0, 4.0]
        assert rows[0]["calls"] is None


class TestCharts:
    def test_a_bar_a_step(self):
        svg = tree.fromstring(charts.steps(report(calls=12), "fast <&>"))
        kinds = [rect.get("class") for rect in svg.iter("rect")]
        assert kinds == ["real"] * 12 + ["skip"] * 8
        assert svg.get("aria-label").startswith("fast <&>: 12 of 20 calls")
        assert [title.text for title in svg.iter("title")][0] == "step 0: REAL, why <&"

    def test_one_bar_for_a_step_of_several_calls(self):
        twice = report()
        twice["records"] = [record for record in twice["records"] for _ in range(2)]
        assert len(list(tree.fromstring(charts.steps(twice, "x")).iter("rect"))) == 20

    def test_a_thin_line_for_each_part_of_a_pack(self):
        one = report()
        one["records"][19] |= {"estimate": 0.2, "by_part": [0.1, 0.2]}
        one["records"][18] |= {"by_part": "x"}
        paths = [path.get("class") for path in tree.fromstring(charts.steps(one, "x")).iter("path")]
        assert paths == [*["estimate"] * 19, *["estimate part"] * 2, "estimate"]

    @pytest.mark.parametrize("estimate", [None, math.nan, math.inf, 0, "x", True])
    def test_no_line_without_an_estimate(self, estimate):
        one = report()
        for record in one["records"]:
            record["estimate"] = estimate
        assert not [path for path in tree.fromstring(charts.steps(one, "x")).iter("path")]

    def test_no_chart_without_records(self):
        assert charts.steps({}, "x") == charts.steps({"records": [3]}, "x") == ""

    def test_the_curve_rises_with_ssim(self):
        rows = [
            {"mode": name, "calls": calls, "evaluations": 20, "ssim": ssim}
            for name, calls, ssim in (("<a>", 5, 0.9), ("b", 10, 0.99), ("off", 20, None))
        ]
        svg = tree.fromstring(charts.curve(rows))
        points = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in svg.iter("circle")]
        assert len(points) == 2 and points[0][0] < points[1][0] and points[0][1] > points[1][1]
        assert charts.curve(rows[2:]) == ""


@pytest.mark.parametrize("least", [-0.2, 0.0, 0.3, 0.75, 0.9, 0.9962, 0.99999, 1.0])
def test_the_labels_of_the_curve_are_exact_and_nothing_lies_outside(least):
    rows = [{"mode": "fast", "calls": 9.0, "evaluations": 20.0, "ssim": least}]
    drawn = tree.fromstring(charts.curve(rows))
    labels = [float(text.text) for text in drawn.iter("text") if text.get("class") == "left"]
    gaps = numpy.diff(labels)
    assert labels[-1] == 1 and labels[0] <= least and numpy.allclose(gaps, gaps[0], rtol=1e-6, atol=0)
    assert 28 <= float(drawn.find("circle").get("cy")) <= 240.01


def test_large_pictures_are_shown_smaller_and_small_ones_exactly():
    def shown(image):
        import base64

        return Image.open(io.BytesIO(base64.b64decode(data_uri(image).partition(",")[2])))

    assert numpy.array_equal(shown(picture(0)), picture(0))
    assert shown(Image.new("RGB", (4000, 2000))).size == (1280, 640)


@pytest.mark.parametrize("size", [(11, 11), (40, 32), (100, 33), (70, 71)])
def test_tiles_give_the_ssim_and_psnr_of_the_whole_picture(size, monkeypatch):
    """Against torchmetrics on the whole; tiles of 32 pixels, the last ones narrower than the window."""
    monkeypatch.setattr(pictures, "TILE", 32)
    first, second = picture(0, size), picture(3, size, noise=5)
    ssim, psnr, same = pictures.closeness(second, first)
    whole = [torch.tensor(numpy.asarray(one)).movedim(-1, 0)[None].float() / 255 for one in (second, first)]
    expected = similarity(*whole)
    assert ssim == pytest.approx(expected[0], abs=2e-6) and psnr == pytest.approx(expected[1], abs=1e-4) and not same
    one = numpy.asarray(first).copy()
    one[-1, -1, 0] += 1
    assert pictures.closeness(Image.fromarray(one), first)[2] is False
    assert pictures.closeness(first.copy(), first) == (1.0, None, True)


def test_the_difference_map_in_tiles_is_that_of_the_whole(monkeypatch):
    first, second = picture(0, (70, 50)), picture(2, (70, 50), noise=3)
    whole = numpy.asarray(difference(first, second))
    monkeypatch.setattr(pictures, "TILE", 16)
    assert numpy.array_equal(numpy.asarray(difference(first, second)), whole)


@pytest.mark.parametrize(
    "odd",
    [
        {"calls": 10**400},
        {"records": 5},
        {"estimate": 3, "records": [{"step": 1, "kind": "REAL", "estimate": 10**400}]},
    ],
)
def test_a_bad_report_is_named_and_hides_nothing(odd, tmp_path, capsys):
    folder = write(tmp_path / "a", seeds=(1,))
    path = folder / "jobs/1-1.json"
    record = json.loads(path.read_text())
    record["reports"][0] |= odd
    path.write_text(json.dumps(record))
    code, out, _ = compare(folder, capsys)
    assert (
        code == 0
        and "a report of fast seed 1 is left out" in out
        and "left out" in (folder / "report.html").read_text()
    )
    assert json.loads((folder / "report.json").read_text())["pictures"][1]["ssim"] < 1


def test_pictures_that_break_off_later_are_named(tmp_path, capsys):
    folder = write(tmp_path / "a", seeds=(1, 2))
    whole = (folder / "images/1-1.png").read_bytes()
    (folder / "images/1-1.png").write_bytes(whole[: len(whole) // 2])
    code, out, _ = compare(folder, capsys)
    assert code == 0 and "1-1.png of fast seed 1 cannot be read" in out
    assert 'id="seed-2"' in (folder / "report.html").read_text()


def test_two_pictures_are_open_at_a_time(monkeypatch):
    """However many there are: a pair is worked out before the next is read, and each picture is read once."""
    alive, most = [], []

    class Counted:
        def read(self):
            image = picture(0)
            alive.append(weakref.ref(image))
            most.append(sum(one() is not None for one in alive))
            return image

    names = [f"mode {number}" for number in range(5)]
    jobs = [FinishedJob(mode, seed, {}, {("9", 0): Counted()}) for seed in range(10) for mode in ["off", *names]]
    made = list(figures.pairs(names, jobs, []))
    assert len(made) == 50 == figures.count(jobs) and len(most) == 60 and max(most) <= 4


def test_no_memory_is_one_line(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("comfyui_fsampler.tools.compare.command.page", full)
    code, _, err = compare(write(tmp_path / "a"), capsys)
    assert code == 2 and err.startswith("fsampler: error: the memory is not enough") and err.count("\n") == 1
