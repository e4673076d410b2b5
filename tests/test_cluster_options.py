"""What `fsampler queue` refuses around --ray, before anything is started; and how a ComfyUI of its own is started."""

import argparse
import builtins
import json
import os
import pickle
import sys
import time
from pathlib import Path

import pytest
from comfyui_fsampler.tools import cli
from comfyui_fsampler.tools.cluster import launch
from comfyui_fsampler.tools.cluster.options import Options, add_cluster_arguments, options_of
from comfyui_fsampler.tools.queueing.gone import Gone
from comfyui_fsampler.tools.queueing.refusal import Refused
from fsampler_research.benchmarks.cluster import stub


def parsed(*words):
    parser = argparse.ArgumentParser()
    add_cluster_arguments(parser)
    parser.add_argument("--server", dest="servers", action="append", default=argparse.SUPPRESS)
    return options_of(parser.parse_args(words))


def test_what_is_asked_for():
    assert parsed() is None and parsed("--server", "a:1") is None
    assert parsed("--ray", "--comfyui", "d") == Options("local", "d", None, None, 1.0, 1.0, ())
    more = ["--python", "p", "--servers", "3", "--gpus-per-server", "0.5", "--cpus-per-server", "2"]
    assert parsed(
        "--ray", "ray://host-1:10001", "--comfyui", "d", *more, "--server-args=--lowvram -x 'a b'"
    ) == Options("ray://host-1:10001", "d", "p", 3, 0.5, 2.0, ("--lowvram", "-x", "a b"))


@pytest.mark.parametrize(
    "words, said",
    [
        (["--comfyui", "d"], "--comfyui is for --ray"),
        (["--servers", "2"], "--servers is for --ray"),
        (["--gpus-per-server", "2"], "--gpus-per-server is for --ray"),
        (["--ray"], "expected --comfyui DIR"),
        (["--ray", "--comfyui", "d", "--server", "a:1"], "expected one of the two"),
        (["--ray", "http://a", "--comfyui", "d"], "expected auto, HOST:PORT or ray://HOST:PORT"),
        (["--ray", "--comfyui", "d", "--servers", "0"], "--servers 0; expected 1"),
        (["--ray", "--comfyui", "d", "--gpus-per-server", "1.5"], "--gpus-per-server 1.5; expected a whole number"),
        (["--ray", "--comfyui", "d", "--cpus-per-server", "nan"], "--cpus-per-server nan"),
        (["--ray", "--comfyui", "d", "--cpus-per-server", "0", "--gpus-per-server", "0"], "set no bound"),
        (["--ray", "--comfyui", "d", "--server-args=--listen 0.0.0.0"], "--listen is not for you to set"),
        (["--ray", "--comfyui", "d", "--server-args=--lis=0.0.0.0"], "--lis is not for you to set"),
        (["--ray", "--comfyui", "d", "--server-args=--port 1"], "--port is not for you"),
        (["--ray", "--comfyui", "d", "--server-args='"], "No closing quotation"),
    ],
)
def test_what_does_not_go_together_is_refused(words, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        parsed(*words)


def test_without_ray_the_way_to_install_it_is_named(tmp_path, monkeypatch, capsys):
    real = builtins.__import__

    def missing(name, *rest):
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return real(name, *rest)

    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)
    file = tmp_path / "prompt.json"
    file.write_text(json.dumps(stub.PROMPT))
    words = ["queue", str(file), "--ray", "--comfyui", str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main(words) == 2
    assert "'ray' is missing; install it with: pip install \"fsampler[ray]\"" in capsys.readouterr().err


def options(folder, *arguments, python=sys.executable):
    return Options("local", str(folder), python, None, 0, 1, arguments)


def is_gone(pid, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
class TestLaunch:
    def test_it_is_started_and_ended_with_its_folder(self, tmp_path):
        diary = tmp_path / "diary"
        one = launch.ComfyUI(options(stub.make(tmp_path / "comfy"), "--diary", str(diary)), 60)
        pid, _, guard, made = diary.read_text().split()
        assert one.ended() is None and one.address.startswith("http://127.0.0.1:")
        one.end()
        assert is_gone(pid, 1) and is_gone(guard) and not Path(made).parent.exists()
        assert "ended with status -15; its log ends: loading the stub" in one.ended()

    def test_it_ends_when_its_guard_is_killed(self, tmp_path):
        diary = tmp_path / "diary"
        one = launch.ComfyUI(options(stub.make(tmp_path / "comfy"), "--diary", str(diary)), 60)
        pid, _, guard, made = diary.read_text().split()
        os.kill(int(guard), 9)
        assert is_gone(pid)
        one.end()
        assert not Path(made).parent.exists()
        assert "its guard was killed" in one.ended()

    def test_one_that_does_not_start_is_named(self, tmp_path):
        folder = tmp_path / "comfy"
        with pytest.raises(Gone, match="has no ComfyUI in"):
            launch.ComfyUI(options(folder), 60)
        stub.make(folder)
        with pytest.raises(Gone, match=r"does not come up within 2 s; its log ends: loading the stub \| this one"):
            launch.ComfyUI(options(folder, "--silent"), 2)
        with pytest.raises(Gone, match="ended with status.*No such file"):
            launch.ComfyUI(options(folder, python=str(tmp_path / "no python")), 60)

    def test_another_server_on_its_port_is_not_taken_for_it(self, tmp_path, monkeypatch):
        """It would be if only an answer counted: this one answers, and ours cannot have the port."""
        folder = stub.make(tmp_path / "comfy")
        other = launch.ComfyUI(options(folder), 60)
        try:
            monkeypatch.setattr(launch, "free_port", lambda: int(other.address.rpartition(":")[2]))
            with pytest.raises(Gone, match="ended with status 1; its log ends:.*Address already in use"):
                launch.ComfyUI(options(folder), 60)
        finally:
            other.end()

    def test_tokens_do_not_reach_it(self):
        given = {"FSAMPLER_TOKEN": "a", "RAY_AUTH_TOKEN": "b", "CUDA_VISIBLE_DEVICES": "1", "HOME": "/h"}
        assert launch.environment(given) == {"CUDA_VISIBLE_DEVICES": "1", "HOME": "/h"}


def test_a_refusal_comes_whole_from_another_process():
    there = Refused(["node 'a': no", "node 'b': nor this"])
    here = pickle.loads(pickle.dumps(there))
    assert here.lines == there.lines and str(here) == str(there) == "node 'a': no; node 'b': nor this"
