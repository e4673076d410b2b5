"""`fsampler queue` against real ComfyUI servers: the matrix, resuming, servers that die or hang, errors, the token."""

import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
from pathlib import Path

import find
import pytest
from comfyui_fsampler.tools import cli
from gate import Gate
from graphs import decoded, ours, sources
from queueing import graph, prompts, slow
from server import Server

TOKEN = "t0ken-of-the-test"
PNG = b"\x89PNG\r\n\x1a\n"


def test_the_whole_matrix_on_two_servers(queue, server, second, client, capsys):
    starts = [len(one.log()) for one in (server, second)]
    assert queue(graph(steps=60), [server, second]) == 0, capsys.readouterr()
    jobs = queue.jobs()
    assert {(job["mode"], job["seed"]) for job in jobs.values()} == {(m, s) for m in ("off", "fast") for s in (1, 2)}
    assert sum(prompts(one, start) for one, start in zip((server, second), starts, strict=True)) == 4
    assert {job["server"] for job in jobs.values()} == {server.url().rstrip("/"), second.url().rstrip("/")}
    for job in jobs.values():
        (image,) = job["images"]
        assert re.fullmatch(r"[A-Za-z0-9_-]+\.png", image["file"])
        data = (queue.out / "images" / image["file"]).read_bytes()
        assert data.startswith(PNG) and len(data) == image["bytes"]
        (report,) = job["reports"]
        assert report["mode"] == job["mode"] and len(report["records"]) == report["evaluations"] == 60
        assert report["calls"] == 60 if job["mode"] == "off" else report["calls"] < 60
        assert 0 < job["sampling_seconds"] and 0 < job["seconds"] and not job["cached"]
        assert job["history"]["status"]["status_str"] == "success" and "sampler" in job["nodes"]
    bare = client.success(graph(seed=1, steps=60))
    assert same_pixels(
        server.image(bare.history["outputs"]["a picture ü"]["images"][0]),
        (queue.out / "images" / jobs["off_seed-1"]["images"][0]["file"]).read_bytes(),
    )
    assert not queue.started()

    starts = [len(one.log()) for one in (server, second)]
    assert queue(graph(steps=60), [server]) == 0  # again, and on other servers: all is done
    assert "4 of them before" in capsys.readouterr().out
    assert [prompts(one, start) for one, start in zip((server, second), starts, strict=True)] == [0, 0]
    assert queue(graph(steps=21), [server]) == 2
    assert "holds another plan" in capsys.readouterr().err


def test_calls_are_planned_from_the_full_run_that_is_recorded(queue, server, second, capsys):
    """Its pictures are those of mode off; the plans hold for other seeds, whichever server recorded."""
    assert queue(graph(steps=20), [server, second], "--record", modes="off,calls:8") == 0, capsys.readouterr().err
    jobs = {(job["mode"], job["seed"]): job for job in queue.jobs().values()}
    assert set(jobs) == {(mode, seed) for mode in ("off", "calls:8, planned") for seed in (1, 2)}
    first = jobs["off", 1]
    ((_, plan),) = first["plans"].values()
    assert plan.startswith("plan:") and first["reports"][0]["calls"] == 20 and len(first["images"]) == 1
    for seed in (1, 2):
        (report,) = jobs["calls:8, planned", seed]["reports"]
        assert report["calls"] == 8 and report["sequence"] == plan.removeprefix("plan:").partition("@")[0]
        assert not [note for note in report["notes"] if "calls:" in str(note)], report["notes"]  # it was followed
    assert queue(graph(steps=20), [server], modes="off", seeds="1") == 2  # another plan
    bare = cli.main(queue.arguments(graph(steps=20), [server], modes="off", seeds="1")[:-1] + [f"{queue.out} bare"])
    assert bare == 0
    (full,) = Path(f"{queue.out} bare", "images").iterdir()
    assert same_pixels(full.read_bytes(), (queue.out / "images" / first["images"][0]["file"]).read_bytes())


def test_the_faster_server_gets_more(queue, server, second):
    with Gate(second, delay=1) as slower:
        assert queue(slow(), [slower, server], modes="off", seeds="1-8") == 0
    done = [job["server"] for job in queue.jobs().values()]
    counts = [done.count(f"http://{one.address}") for one in (slower, server)]
    assert sum(counts) == 8 and 0 < counts[0] < counts[1], counts


def test_a_terminal_shows_where_each_server_is(queue, server):
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    process = queue.start(graph(steps=80), [server], modes="off", seeds="1", stderr=its)
    os.close(its)
    shown = b""
    with contextlib.suppress(OSError), open(ours, "rb", buffering=0) as terminal:  # it ends with an error on Linux
        while part := terminal.read(65536):
            shown += part
    assert process.wait(60) == 0
    text = shown.decode()
    steps = re.findall(rf"{server.address} off seed 1: (\d+)/80 +[\d.]+s/it, [\d:]+ left", text)
    assert len(set(steps)) > 3 and steps == sorted(steps, key=int), text
    assert "jobs 0/1 |" in text and "off seed 1 on" in text


def same_pixels(first, second):
    import io

    from PIL import Image

    return Image.open(io.BytesIO(first)).tobytes() == Image.open(io.BytesIO(second)).tobytes()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_goes_on_after_a_kill_and_runs_nothing_twice(number, queue, server):
    """It ends while the server works on the second job; that one is fetched, not run again."""
    start = len(server.log())
    process = queue.start(slow(), [server])
    queue.wait(lambda: len(queue.jobs()) == 1 and queue.started() and prompts(server, start) == 2)
    second = start + server.log(start).rindex("got prompt")
    queue.wait(lambda: "slow sampler: step" in server.log(second))  # before, it is in no list of the server's
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if number == signal.SIGINT:
        assert process.returncode == 130 and "the same command goes on" in err and "Traceback" not in err
    before = queue.jobs()
    assert len(before) == 1
    assert queue(slow(), [server]) == 0
    assert len(queue.jobs()) == 4 and prompts(server, start) == 4
    assert before.items() <= queue.jobs().items()


def test_a_half_written_job_runs_again_and_only_that(queue, server, capsys):
    assert queue(graph(seed=3), [server]) == 0
    (queue.out / "jobs/fast_seed-2.json").write_text('{"mode": "fast", "se')
    start = len(server.log())
    assert queue(graph(seed=3), [server]) == 0
    assert prompts(server, start) == 1 and queue.jobs()["fast_seed-2"]["reports"]


def test_the_job_of_a_killed_server_goes_to_the_other(queue, server, comfyui, tmp_path, capsys):
    with Server(comfyui, tmp_path / "base") as third:
        process = queue.start(slow(), [third, server], seeds="1-3")
        queue.wait(lambda: any(third.address in path.read_text() for path in queue.started()))
        third.wait("slow sampler: step 3")
        os.killpg(third.process.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert len(queue.jobs()) == 6
    assert re.search(rf"gone: http://{third.address} refuses or drops", out), out
    assert f"{third.address} refuses or drops" in err and "Traceback" not in err


def test_the_job_of_a_server_that_hangs_goes_to_the_other(queue, server, second):
    process = queue.start(slow(), [second, server], "--timeout", "15", seeds="1-3")
    queue.wait(lambda: any(second.address in path.read_text() for path in queue.started()))
    second.wait("slow sampler: step 3")
    os.killpg(second.process.pid, signal.SIGSTOP)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        os.killpg(second.process.pid, signal.SIGCONT)
    assert process.returncode == 0, err
    assert len(queue.jobs()) == 6
    assert re.search(rf"gone: http://{second.address} (hangs|does not answer)", out), out


def test_no_server_left_is_an_error_and_the_jobs_wait(queue, server, capsys):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    assert queue(graph(), [address]) == 2
    err = capsys.readouterr().err
    assert f"4 of 4 jobs are not done: http://{address} refuses or drops" in err
    assert queue(graph(), [address, server]) == 0
    assert len(queue.jobs()) == 4


class TestErrors:
    def test_what_one_server_refuses_goes_to_the_other(self, queue, server, comfyui, tmp_path, capsys):
        """One lacks nodes, as it might lack a model; each job is offered to it once."""
        lacking = Server(comfyui, tmp_path / "base")
        (lacking.folder / "custom_nodes/fsampler_test").unlink()
        with lacking:
            assert queue(graph(), [lacking, server]) == 0
        said = capsys.readouterr()
        assert [job["server"] for job in queue.jobs().values()] == 4 * [f"http://{server.address}"]
        refusals = re.findall(rf"{lacking.address} refuses (.*):\n.*class 'FSamplerTest", said.err)
        assert refusals and len(refusals) == len(set(refusals)), said.err

    def test_a_wrong_value_is_named_by_node_and_input(self, queue, server, capsys):
        assert queue(graph(sampler_name="eulr"), [server]) == 2
        err = capsys.readouterr().err
        assert "node 'My sampler ü' (sampler), input 'sampler_name'" in err and "eulr" in err
        assert not queue.jobs() and not queue.started()

    def test_an_unknown_node(self, queue, server, capsys):
        unknown = graph() | {"x": {"class_type": "NoSuchNode", "inputs": {}, "_meta": {"title": "Mine"}}}
        unknown["sampler"]["inputs"]["latent_image"] = ["x", 0]
        assert queue(unknown, [server]) == 2
        assert "node 'Mine' (x), class 'NoSuchNode': " in capsys.readouterr().err

    def test_what_fails_while_it_runs_is_named_and_the_rest_runs(self, queue, server, capsys):
        assert queue(graph(), [server], modes="off,calls:2", seeds="1") == 2
        err = capsys.readouterr().err
        assert "calls:2 in a run of 20 steps" in err and "'My sampler ü' (sampler)" in err
        assert "1 of 2 jobs are not done" in err and list(queue.jobs()) == ["off_seed-1"]

    @pytest.mark.parametrize(
        "content, said",
        [
            ('{"1": {', "is not JSON"),
            ('{"nodes": [], "links": []}', "Export (API)"),
            (json.dumps({"1": {"class_type": "EmptyLatentImage", "inputs": {}}}), "no sampler"),
        ],
    )
    def test_a_file_that_is_none_reaches_no_server(self, content, said, queue, server, capsys):
        start = len(server.log())
        assert queue(content, [server]) == 2
        assert said in capsys.readouterr().err and prompts(server, start) == 0 and not queue.out.exists()

    def test_a_server_without_this_pack(self, queue, comfyui, tmp_path, capsys):
        with Server(comfyui, tmp_path / "base", "--disable-all-custom-nodes") as bare:
            assert queue(graph(), [bare]) == 2
        assert "has no node FSamplerModel, FSamplerReport" in capsys.readouterr().err

    def test_an_older_server(self, queue, server, comfyui, tmp_path, capsys):
        """A real ComfyUI that says it is an older one; the other server does the work."""
        copy = tmp_path / "ComfyUI"
        left_out = {".git", ".venv", "models", "output", "input", "custom_nodes", "user", "temp", "tests", "tests-unit"}
        shutil.copytree(comfyui, copy, ignore=lambda at, names: left_out & set(names) if Path(at) == comfyui else ())
        for name in ("models", "output", "input", "custom_nodes"):
            (copy / name).mkdir()
        (copy / "comfyui_version.py").write_text('__version__ = "0.3.40"\n')
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COMFYUI_PYTHON", find.interpreter(comfyui))
            with Server(copy, tmp_path / "base") as old:
                assert queue(graph(), [old, server], seeds="1") == 0
        out = capsys.readouterr().out
        assert f"http://{old.address} runs ComfyUI 0.3.40; expected 0.3.64 or newer" in out


def test_hostile_names_stay_in_the_folder(queue, server, tmp_path, capsys):
    """Node ids, file names and prefixes that lead elsewhere: the files have names of ours, and nothing else is made."""
    hostile = graph() | {
        "../../../tmp/evil": {
            "class_type": "FSamplerTestHostile",
            "inputs": {
                "name": "a\nb\x1b[31m.png",
                "latent": ["sampler", 0],
            },
        },
        "../out": {
            "class_type": "SaveImage",
            "inputs": {
                "images": ["a picture ü decoded", 0],
                "filename_prefix": "ünï cödé 'quoted'",
            },
        },
    }
    before = {path for path in tmp_path.rglob("*") if queue.out not in path.parents}
    assert queue(hostile, [server], seeds="1") == 0
    err = capsys.readouterr().err
    made = {path.relative_to(queue.out) for path in queue.out.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in made if len(path.parts) > 1} == {"jobs", "images"}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+\.(json|png)", path.name) for path in made if len(path.parts) > 1), made
    assert len(list((queue.out / "images").iterdir())) == 4
    assert {
        path for path in tmp_path.rglob("*") if path not in (queue.out, queue.file) and queue.out not in path.parents
    } == before - {queue.out, queue.file}
    assert not Path("/tmp/evil.png").exists()
    assert all(len(job["left"]) == 5 for job in queue.jobs().values())
    assert "the server does not give it" in err and "\x1b[31m" not in err


def test_a_workflow_of_10_megabytes(queue, server):
    large = graph() | {"note": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "ü" * 5_000_000}}}
    assert queue(large, [server], seeds="1") == 0
    assert len(queue.jobs()) == 2
    assert sum(path.stat().st_size for path in (queue.out / "jobs").iterdir()) < 100_000


def test_set_and_our_own_nodes(queue, server):
    own = {**sources(), "sampler": ours("turbo"), **decoded("sampler")}
    assert queue(own, [server], "--set", "sampler.steps=7", modes="off,h2/s2,calls:5", seeds="4") == 0
    reports = {job["mode"]: job["reports"][0] for job in queue.jobs().values()}
    assert {mode: (one["evaluations"], one["mode"]) for mode, one in reports.items()} == {
        "off": (7, "off"),
        "h2/s2": (7, "h2/s2"),
        "calls:5": (7, "calls:5"),
    }
    assert reports["calls:5"]["calls"] == 5


class Guarded(Gate):
    """Passes on the connections whose first request has the token."""

    refused = passed = 0

    def serve(self, near):
        head = self.head(near)
        if f"authorization: bearer {TOKEN}".encode() not in head.lower():
            self.refused += 1
            near.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            near.close()
            return
        self.passed += 1
        self.pass_on(near, head)


def test_the_token_is_sent_and_never_written(queue, server, monkeypatch, capsys):
    with Guarded(server) as gate:
        monkeypatch.delenv("FSAMPLER_TOKEN", raising=False)
        assert queue(graph(), [gate], seeds="1") == 2
        assert "wants a token; set FSAMPLER_TOKEN" in capsys.readouterr().err and gate.passed == 0
        monkeypatch.setenv("FSAMPLER_TOKEN", "another-token")
        assert queue(graph(), [gate], seeds="1") == 2
        assert "does not accept the token" in capsys.readouterr().err
        monkeypatch.setenv("FSAMPLER_TOKEN", TOKEN)
        refused = gate.refused
        assert queue(graph(), [gate], seeds="1") == 0
        assert gate.passed >= 2 and gate.refused == refused  # HTTP and the websocket both
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err
    files = [path for path in queue.out.rglob("*") if path.is_file()]
    assert len(files) >= 6 and not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_no_proxy_of_the_environment_is_asked(queue, server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert queue(graph(), [server], seeds="1", modes="off") == 0


def test_out_of_disk_says_so_and_goes_on_when_there_is_room(queue, server):
    """A limit on the size of files stands for a full disk."""
    arguments = queue.arguments(graph(), [server], seeds="1")
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); "
        f"from comfyui_fsampler.tools import cli; sys.exit(cli.main({arguments!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=queue.environment, capture_output=True, text=True)
    assert done.returncode == 2 and "cannot write to" in done.stderr and "File too large" in done.stderr
    assert not queue.jobs() and not list(queue.out.rglob(".writing-*"))
    start = len(server.log())
    assert cli.main(arguments) == 0
    assert len(queue.jobs()) == 2 and prompts(server, start) == 1  # the first had run: it was only fetched


@pytest.mark.skipif(not os.environ.get("FSAMPLER_MEASURE"), reason="FSAMPLER_MEASURE is not set")
@pytest.mark.parametrize("kind, prompt", [("waiting", slow()), ("computing", graph(steps=100))])
def test_measure_one_server_and_two(kind, prompt, queue, server, second, capsys):
    """What docs/measurements.md, "Two servers against one", says: twelve full runs, three times each, the model loaded
    before; -s shows the figures.

    One kind of run waits 0.1 s in each of 20 steps, as for a GPU of its own; the other has 100 steps on the CPU.
    """
    assert queue(graph(), [server, second], modes="off") == 0
    folder = queue.out
    for again in range(3):
        for servers in ([server], [server, second]):
            queue.out = folder.with_name(f"{len(servers)} {again}")
            capsys.readouterr()
            assert queue(prompt, servers, modes="off", seeds=f"{again * 12 + 10}-{again * 12 + 21}") == 0
            told = " ".join(line.strip() for line in capsys.readouterr().out.splitlines()[:-1])
            with capsys.disabled():
                sys.stdout.write(f"\n{kind}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: {told}")
