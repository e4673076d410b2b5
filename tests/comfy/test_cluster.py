"""`fsampler queue --ray` with real ComfyUIs that it starts itself."""

import find
import pytest
from graphs import decoded, ksampler, sources
from server import Server

pytest.importorskip("ray", reason='Ray is not installed: pip install "fsampler[ray]"')


def test_a_comfyui_is_started_used_and_ended(queue, comfyui, tmp_path):
    base = Server(comfyui, tmp_path / "base").folder  # the packs and folders of one, which is not started
    process = queue.start(
        {**sources(), "sampler": ksampler(), **decoded("sampler", "a picture")},
        [],
        *("--ray", "--servers", "1", "--comfyui", str(comfyui), "--python", find.interpreter(comfyui)),
        *("--gpus-per-server", "0", f"--server-args=--cpu --disable-api-nodes --base-directory '{base}'"),
        modes="off,fast",
        seeds="1",
    )
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    jobs = queue.jobs()
    assert set(jobs) == {"off_seed-1", "fast_seed-1"} and not queue.started()
    for job in jobs.values():
        (image,) = job["images"]
        assert (queue.out / "images" / image["file"]).read_bytes().startswith(b"\x89PNG")
        assert job["reports"][0]["mode"] == job["mode"] and job["sampling_seconds"] > 0
    assert jobs["fast_seed-1"]["reports"][0]["calls"] < jobs["off_seed-1"]["reports"][0]["calls"]
    assert not list((base / "output").iterdir()), "it writes into a folder of its own"
