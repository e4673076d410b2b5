"""The files of `fsampler queue`: whole or not there, one plan a folder, one process a folder, no secret."""

import json
import os
import subprocess
import sys

import pytest
from comfyui_fsampler.tools.queueing.board import Board
from comfyui_fsampler.tools.queueing.gone import Gone
from comfyui_fsampler.tools.queueing.plan import Plan, QueueJob
from comfyui_fsampler.tools.queueing.store import Store

PROMPT = {
    "1": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["2", 0]}},
    "2": {"class_type": "UNETLoader", "inputs": {}},
}
PICTURE = b"\x89PNG\r\n\x1a\n..."


def plan(*seeds):
    return Plan(PROMPT, {"off": ["off", ""], "fast": ["fast", ""]}, list(seeds or (1, 2)))


def record(job, **changed):
    images = [{"file": f"{job.key}.png", "bytes": len(PICTURE), "node": "1", "index": 0}]
    return {"mode": job.mode, "seed": job.seed, "images": images} | changed


def bring(store, place, data):
    return store.bring(lambda file: file.write(data), lambda head: place)


def finish(store, job):
    store.begin(job, "http://a", "id")
    bring(store, f"images/{job.key}.png", PICTURE)
    store.finish(job, record(job))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "a folder ü", "s3cret-token").opened(plan(), "file.json") as opened:
        yield opened


class TestStore:
    def test_what_is_finished_stays_finished(self, store):
        job = plan().jobs[0]
        assert store.finished(job) is None
        finish(store, job)
        assert store.finished(job)["seed"] == job.seed
        assert store.started(job) is None

    def test_what_was_started_is_known(self, store):
        job = plan().jobs[0]
        store.begin(job, "http://a", "id")
        assert store.started(job) == ("http://a", "id")

    @pytest.mark.parametrize("half", [b"", b'{"mode": "off", "ima', b"[]", b"\xff\xfe", b"{}"])
    def test_a_half_written_job_is_not_finished(self, half, store):
        job = plan().jobs[0]
        finish(store, job)
        (store.folder / f"jobs/{job.key}.json").write_bytes(half)
        assert store.finished(job) is None

    @pytest.mark.parametrize("spoil", ["remove", "cut", "name"])
    def test_a_job_without_its_whole_picture_is_not_finished(self, spoil, store):
        job = plan().jobs[0]
        finish(store, job)
        picture = store.folder / f"images/{job.key}.png"
        if spoil == "remove":
            picture.unlink()
        elif spoil == "cut":
            picture.write_bytes(PICTURE[:3])
        else:
            images = [{"file": f"../images/{picture.name}", "bytes": len(PICTURE)}]
            store.finish(job, record(job, images=images))
        assert store.finished(job) is None

    def test_a_job_without_another_of_its_files_is_not_finished(self, store):
        job = plan().jobs[0]
        assert bring(store, "files/a.webm", PICTURE) == ("files/a.webm", len(PICTURE))
        store.finish(job, record(job, images=[], files=[{"file": "a.webm", "bytes": len(PICTURE)}]))
        assert store.finished(job)
        (store.folder / "files/a.webm").unlink()
        assert store.finished(job) is None

    def test_what_a_server_does_not_give_or_breaks_off_leaves_nothing(self, store):
        assert store.bring(lambda file: file.write(b"half") and False, lambda head: "files/x") is None

        def dies(file):
            file.write(b"half")
            raise Gone("refuses or drops the connection")

        with pytest.raises(Gone):
            store.bring(dies, lambda head: "files/x")
        assert list((store.folder / "files").iterdir()) == []

    def test_another_plan_is_refused_and_says_what_differs(self, store, tmp_path):
        folder = tmp_path / "b"
        with Store(folder).opened(plan(1, 2), "f"):
            pass
        with pytest.raises(ValueError, match="another plan .seeds differ"), Store(folder).opened(plan(1, 3), "f"):
            pass
        with Store(folder).opened(plan(1, 2), "f"):
            pass

    def test_a_lost_queue_json_does_not_let_another_plan_in(self, tmp_path):
        with Store(tmp_path).opened(plan(), "f") as opened:
            finish(opened, plan().jobs[0])
        (tmp_path / "queue.json").write_text("{")
        with pytest.raises(ValueError, match="no readable queue.json"), Store(tmp_path).opened(plan(), "f"):
            pass

    def test_one_process_a_folder(self, store):
        with pytest.raises(ValueError, match="another fsampler queue"), Store(store.folder).opened(plan(), "f"):
            pass

    def test_what_a_killed_process_left_is_removed(self, tmp_path):
        (tmp_path / "jobs").mkdir()
        for folder in (tmp_path, tmp_path / "jobs"):
            (folder / ".writing-abc").write_bytes(b"half")
        with Store(tmp_path).opened(plan(), "f"):
            assert not list(tmp_path.rglob(".writing-*"))

    def test_the_secret_is_not_written_even_if_a_server_says_it(self, store):
        job = plan().jobs[0]
        store.finish(job, record(job, images=[], history={"s3cret-token": ["as3cret-tokenb"]}))
        text = (store.folder / f"jobs/{job.key}.json").read_text()
        assert "s3cret-token" not in text and json.loads(text)["history"] == {"***": ["a***b"]}

    def test_a_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ValueError, match="cannot write to"), Store(tmp_path / "file").opened(plan(), "f"):
            pass


def test_out_of_disk_leaves_no_half_file_and_says_so(tmp_path):
    """A limit on the size of files stands for a full disk: write(2) fails in the middle in the same way."""
    script = f"""
import resource, sys
from comfyui_fsampler.tools.queueing.plan import QueueJob
from comfyui_fsampler.tools.queueing.store import Store
store = Store({str(tmp_path)!r})
store.begin(QueueJob("off", 1), "a", "b")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.bring(lambda file: file.write(b"x" * 5000), lambda head: "images/big.png")
except ValueError as error:
    sys.stdout.write(str(error))
"""
    for name in ("images", "files", "started"):
        (tmp_path / name).mkdir()
    package = tmp_path / "path"
    package.mkdir()
    (package / "comfyui_fsampler").symlink_to(os.path.dirname(os.path.dirname(__file__)))
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment, timeout=120
    )
    assert "cannot write to" in done.stdout and "the same command goes on" in done.stdout
    assert list((tmp_path / "images").iterdir()) == list((tmp_path / "files").iterdir()) == []


class Stop:
    """An Event that is never set, and that ends a test that would wait."""

    def __init__(self, looks=3):
        self.looks = looks

    def is_set(self):
        self.looks -= 1
        return self.looks < 0


class TestBoard:
    A, B = QueueJob("off", 1), QueueJob("fast", 1)

    def board(self, kept=None):
        board = Board([self.A, self.B], kept or {})
        board.join("x")
        board.join("y")
        return board

    def test_each_job_once(self):
        board = self.board()
        assert [board.take("x", Stop()), board.take("y", Stop())] == [self.A, self.B]
        board.finish("x")
        board.finish("y")
        assert board.take("x", Stop()) is None and board.done == {"x": 1, "y": 1}

    def test_the_job_of_a_server_that_is_gone_goes_to_another(self):
        board = self.board()
        assert board.take("x", Stop()) == self.A
        board.leave("x", "died")
        assert board.take("y", Stop()) == self.A and board.gone == {"x": "died"}

    def test_a_free_server_waits_for_a_job_that_may_come_back(self):
        board = self.board()
        for name in ("x", "y"):
            board.take(name, Stop())
        board.finish("y")
        stop = Stop(looks=2)
        assert board.take("y", stop) is None and stop.looks < 0  # it was still waiting when it was stopped

    def test_a_refused_job_goes_to_the_others_and_to_nobody_twice(self):
        board = self.board()
        board.take("x", Stop())
        board.refuse("x", "no")
        assert board.take("x", Stop()) == self.B
        board.finish("x")
        assert board.take("y", Stop()) == self.A
        board.refuse("y", "nor here")
        assert board.take("x", Stop()) is None and board.take("y", Stop()) is None
        assert board.waiting == [self.A] and board.refused[self.A] == {"x": "no", "y": "nor here"}

    def test_a_job_that_a_server_has_already_is_its_own_while_it_is_there(self):
        board = self.board({self.B: "x"})
        assert board.take("y", Stop()) == self.A
        board.finish("y")
        assert board.take("x", Stop()) == self.B
        board = self.board({self.A: "y", self.B: "y"})
        assert board.take("x", Stop(looks=1)) is None
        board.leave("y", "died")
        assert board.take("x", Stop()) == self.A

    def test_a_job_kept_by_a_server_that_is_not_named_any_more_is_anybodys(self):
        assert self.board({self.A: "z"}).take("x", Stop()) == self.A

    def test_a_job_is_given_up_when_enough_places_have_refused_it(self):
        board = Board([self.A], {}, most_places=2)
        for name, place in (("x", "here"), ("y", "here"), ("z", "there"), ("w", "elsewhere")):
            board.join(name, place)
        assert board.take("x", Stop()) == self.A
        board.refuse("x", "no")
        assert board.take("y", Stop()) is None, "the same place"
        assert board.left() == 1 and board.take("z", Stop()) == self.A
        board.refuse("z", "nor here")
        assert board.take("w", Stop()) is None and board.left() == 0 and board.waiting == [self.A]

    def test_a_job_is_given_up_when_enough_servers_were_lost_over_it(self):
        board = Board([self.A, self.B], {}, most_losses=2)
        for name in ("x", "y"):
            board.join(name, "here")
            assert board.take(name, Stop()) == self.A
            board.leave(name, "died")
        board.join("z", "here")
        assert board.take("z", Stop()) == self.B
        board.finish("z")
        assert board.take("z", Stop()) is None and board.waiting == [self.A] and board.done == {"here": 1}

    def test_nothing_is_left_for_a_newcomer_once_all_that_were_there_have_refused_the_rest(self):
        board = Board([self.A], {}, most_places=2)
        board.join("x", "here")
        board.join("z")
        assert board.take("x", Stop()) == self.A and board.left() == 1
        board.refuse("x", "no")
        assert board.left() == 1, "somebody is still there"
        board.leave("x")
        assert board.left() == 0
