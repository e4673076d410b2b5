"""`fsampler queue --ray` with a stub in ComfyUI's place: on this machine, and on clusters whose parts die."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import Run, alive, holder, parent, wait
from comfyui_fsampler.tools import cli
from fsampler_research.benchmarks.cluster import stub

pytest.importorskip("ray", reason='Ray is not installed: pip install "fsampler[ray]"')
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture
def run(tmp_path):
    one = Run(tmp_path)
    yield one
    for pid, guard, _ in one.starts():
        for number in (guard, pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


@pytest.fixture(scope="module")
def ray_cluster():
    """A cluster without any place for a ComfyUI; its processes are of this machine."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        yield made
        made.shutdown()


@pytest.fixture
def cluster(ray_cluster):
    """The same; nodes that a test adds are removed after it."""
    yield ray_cluster
    for node in list(ray_cluster.worker_nodes):
        ray_cluster.remove_node(node, allow_graceful=False)


def descendants(pid):
    """All processes below one."""
    below = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            below.setdefault(parent(folder.name), []).append(int(folder.name))
    found, new = set(), [pid]
    while new:
        found.update(new)
        new = [child for one in new for child in below.get(one, [])]
    return found


def listening(pids):
    """The addresses on which processes listen, in the kernel's hexadecimal notation."""
    sockets = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    sockets.add(os.readlink(handle).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets}


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def test_this_machine_alone(run):
    """All is done; meanwhile nothing listens where another host could reach it; afterwards nothing is left."""
    process = run.start("--ray", "--servers", "1", seeds="1-6", seconds=0.5)
    wait(lambda: run.at_work() or process.poll() is not None, "a job runs")
    ours = descendants(process.pid) | {pid for start in run.starts() for pid in start[:2]}
    addresses = listening(ours)
    assert addresses and addresses <= LOOPBACK
    status, said = run.ended(process)
    assert status == 0 and "6 jobs done" in said and "1 ComfyUI at work" in said and "jobs/min" in said, said
    run.check(*range(1, 7))
    assert set(run.ran().values()) == {1}
    wait(lambda: not any(map(alive, ours)), "Ray has ended", 30)


def test_what_dies_is_replaced_and_nothing_is_lost_or_done_twice(run, cluster):
    """A worker is killed, a ComfyUI is killed, a node comes late, a node goes; each time in the middle of a job."""
    first = cluster.add_node(num_cpus=1)
    process = run.start("--ray", cluster.address, seeds="1-30", seconds=1)
    (pid, guard, _) = wait(lambda: run.at_work(), "a job runs")[0]
    os.kill(holder(guard), signal.SIGKILL)
    wait(lambda: not alive(pid) and not alive(guard), "its ComfyUI has ended with the worker")
    (second, *_) = wait(lambda: run.at_work(), "another has a job")[0]
    os.kill(second, signal.SIGKILL)
    wait(lambda: run.at_work(), "a third has a job")
    cluster.add_node(num_cpus=1)
    wait(lambda: len(run.at_work()) == 2, "the late node has a job")
    cluster.remove_node(first, allow_graceful=False)
    wait(lambda: len(run.at_work()) == 1, "the node's ComfyUI has ended")
    status, said = run.ended(process)
    assert status == 0 and "30 jobs done" in said, said
    run.check(*range(1, 31))
    assert run.ran().total() <= 33, "what was lost ran again, and nothing else"


def test_what_cannot_be_done_is_named_and_the_rest_is_done(run, cluster, tmp_path):
    """One node has no ComfyUI; one job fails wherever it is, and one ends its ComfyUI each time."""
    cluster.add_node(num_cpus=1, env_vars={"HOME": str(run.home)})
    cluster.add_node(num_cpus=1, env_vars={"HOME": str(tmp_path)})
    status, said = run("--ray", cluster.address, seeds="1-5", args="--refuse 2 --fatal 3", comfyui="~/comfy")
    assert status == 2 and "2 of 5 jobs are not done" in said, said
    assert f"has no ComfyUI in '{tmp_path}/comfy'" in said
    assert "node 'KSampler' (2): Fault: as asked for" in said
    assert "ended with status 9; its log ends: loading the stub" in said
    assert run.ran() == {1: 1, 2: 1, 3: 3, 4: 1, 5: 1}
    run.check(1, 4, 5)


def test_a_comfyui_that_never_comes_up_is_named_with_its_log(run, cluster):
    cluster.add_node(num_cpus=1)
    status, said = run("--ray", cluster.address, "--timeout", "4", seeds="1-2", args="--silent")
    assert status == 2 and "2 of 2 jobs are not done" in said, said
    assert "does not come up within 4 s; its log ends: loading the stub | this one stays silent" in said
    assert len(run.starts()) == 1, "the place is not tried again"
    run.check()


def test_nobody_has_room(run, cluster):
    status, said = run("--ray", cluster.address, "--timeout", "3", "--cpus-per-server", "4", seeds="1")
    assert status == 2, said  # Ray may still count a machine of the test before
    assert re.search("finds no place for 4 CPU within 3 s; the cluster has [01] CPU and 0 GPU", said), said


def test_a_driver_that_is_killed_goes_on_and_so_does_a_named_server(run, cluster):
    """Killed in a job, out of room in the next start, finished half by a cluster and half by a server."""
    cluster.add_node(num_cpus=1)
    process = run.start("--ray", cluster.address, seeds="1-6", seconds=1)
    wait(lambda: len(run.jobs()) >= 2, "two jobs are done")
    process.kill()
    process.communicate()
    before = run.jobs()
    run.check_gone()

    status, said = run("--ray", cluster.address, seeds="1-6", limit=500_000)
    assert status == 2 and "cannot write to" in said and "File too large" in said, said
    assert run.jobs() == before and not list(run.out.rglob(".writing-*"))
    run.check_gone()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = f"--listen 127.0.0.1 --port {port} --output-directory {run.home}/o/o --size 600000 --fatal 5"
    server = subprocess.Popen([sys.executable, run.comfyui / "main.py", *words.split()])
    try:
        wait(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server is up")
        shared = ["--modes", "off", "--seeds", "1-6", "--out", str(run.out)]
        assert cli.main(["queue", str(run.file), "--server", f"127.0.0.1:{port}", *shared]) == 2
    finally:
        server.kill()
        server.wait()
    assert 2 < len(run.jobs()) < 6
    status, said = run("--ray", cluster.address, seeds="1-6")
    assert status == 0 and "6 jobs done" in said and "of them before" in said, said
    assert before.items() <= run.jobs().items()
    run.check(*range(1, 7))


def test_the_stub_is_what_it_says():
    assert len(stub.picture(7, 600_000)) == 600_000 and stub.picture(7, 99) != stub.picture(8, 99)
