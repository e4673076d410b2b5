"""`fsampler queue --ray` with real ComfyUIs that it starts itself."""

import find
import pytest
from graphs import decoded, ksampler, sources
from server import Server

pytest.importorskip("ray", reason='Ray is not installed: pip install "fsampler[ray]"')


def test_a_comfyui_is_started_used_and_ended(queue, comfyui, tmp_path):
    """With a plan from the full run, which comes first there too."""
    base = Server(comfyui, tmp_path / "base").folder  # the packs and folders of one, which is not started
    process = queue.start(
        {**sources(), "sampler": ksampler(steps=20), **decoded("sampler", "a picture")},
        [],
        *("--ray", "--servers", "1", "--comfyui", str(comfyui), "--python", find.interpreter(comfyui), "--record"),
        *("--gpus-per-server", "0", f"--server-args=--cpu --disable-api-nodes --base-directory '{base}'"),
        modes="off,fast,calls:8",
        seeds="1",
    )
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    jobs = {job["mode"]: job for job in queue.jobs().values()}
    assert set(jobs) == {"off", "fast", "calls:8, planned"} and not queue.started()
    for job in jobs.values():
        (image,) = job["images"]
        assert (queue.out / "images" / image["file"]).read_bytes().startswith(b"\x89PNG")
        assert len(job["reports"]) == 1 and job["sampling_seconds"] > 0
    (full,), (fast,), (planned,) = (jobs[mode]["reports"] for mode in ("off", "fast", "calls:8, planned"))
    assert fast["mode"] == "fast" and fast["calls"] < full["calls"] == 20 and planned["calls"] == 8
    ((_, plan),) = jobs["off"]["plans"].values()
    assert planned["sequence"] == plan.removeprefix("plan:").partition("@")[0]
    assert not list((base / "output").iterdir()), "it writes into a folder of its own"
