"""The crew of a Ray cluster: as many ComfyUIs as find room, while there is work for them.

Ray places an actor where there is room and lets it wait where there is none, and an autoscaler starts a machine for one
that waits. So one more than has found a place is asked for, and the crew grows with the cluster. A new actor replaces
one that is lost.

``ray.data`` was not taken, though it has elastic pools: it tries a failed row again anywhere, for ever or not at all,
cannot be told to leave a machine alone, and knows no row that was done before. The queue's board does all of that.
"""

import threading
import time
from typing import Any

import ray

from ..queueing.board import Board
from ..queueing.follow import Stopped
from ..queueing.gone import Gone
from ..queueing.plan import QueueJob
from ..queueing.runner import Runner
from ..queueing.store import Store
from .actor import Host
from .options import HERE, Options
from .progress import ClusterProgress
from .remote import ActorRunner

PLACES, LOSSES = 2, 3  # machines that refuse a job, ComfyUIs that are lost over it, before it is given up
FAILURES = 10  # actors that are lost before they are ready, more than are ever ready, before no more are asked for
START = 60.0  # seconds in which Ray has a process for an actor that fits in somewhere
LOOK = 1.0  # seconds between two looks at the cluster


class Pool:
    """The ComfyUIs on a cluster that this process has joined.

    ``timeout`` (seconds) is how long a ComfyUI may take to come up, and how long nobody may find a place. Raises
    ValueError if the cluster is this machine alone and has no room for a single one.
    """

    told: list[str] = []
    left = "ComfyUIs on the cluster are ended, and what they were at is run again"

    def __init__(self, options: Options, timeout: float, stop: threading.Event) -> None:
        self.options, self.timeout, self.stop = options, timeout, stop
        self.needs = {kind: need for kind, need in (("CPU", options.cpus), ("GPU", options.gpus)) if need}
        self.runners = list[ActorRunner]()
        self.next_look, self.alone_since = 0.0, time.monotonic()
        self.given_up = False
        self.host = ray.remote(Host).options(
            num_cpus=options.cpus,
            num_gpus=options.gpus,
            max_restarts=0,  # one that is lost is replaced here, for a new one has to start a ComfyUI first
            max_task_retries=0,  # the board counts, and gives a job to whom it may be given
            scheduling_strategy="SPREAD",
        )
        if options.address == HERE and self._fitting(ray.cluster_resources()) < 1:
            raise ValueError(
                f"a ComfyUI is given {self._told()}, and this machine has {_amounts(ray.cluster_resources())}; "
                "expected less (--gpus-per-server 0 for none, with --server-args=--cpu)"
            )

    def board(self, store: Store, jobs: list[QueueJob]) -> Board:
        """As ``Crew`` says."""
        return Board(jobs, {}, PLACES, LOSSES)

    def progress(self, total: int, done: int) -> ClusterProgress:
        """As ``Crew`` says."""
        return ClusterProgress(total, done)

    def recruits(self, board: Board) -> list[Runner]:
        """As ``Crew`` says: those whom the cluster has room for, and one more."""
        now = time.monotonic()
        crew = [one for one in self.runners if not one.closed]
        if self.stop.is_set() or self.given_up or (crew and now < self.next_look):
            return []
        self.next_look = now + LOOK
        failures = sum(one.closed and not one.opened and not one.broken for one in self.runners)
        if failures >= FAILURES + sum(one.opened for one in self.runners):
            return []
        wanted = self.options.servers
        if wanted is None:
            wanted = sum(bool(one.place) for one in crew) + max(1, self._fitting(ray.available_resources()))
        count = max(0, min(wanted, board.left()) - len(crew))
        new = [self._recruit(board, len(self.runners) + at) for at in range(1, count + 1)]
        self.runners += new
        return list[Runner](new)

    def _recruit(self, board: Board, number: int) -> ActorRunner:
        return ActorRunner(
            number,
            lambda: self.host.remote(self.options, self.timeout),
            self.timeout,
            self.stop,
            lambda: self._wait(board),
        )

    def _wait(self, board: Board) -> None:
        """Called by a runner that has no place yet. Raises ``Gone`` or ``Stopped`` when it need not wait any more."""
        if self.given_up or not board.left():
            raise Stopped
        now = time.monotonic()
        if any(one.place and not one.closed for one in self.runners):
            self.alone_since = now
            return
        places = self._open_places()
        if not places and any(one.broken for one in self.runners):
            self._give_up("finds no other place")
        elif now - self.alone_since > self.timeout + (START if places else 0):
            has = _amounts(ray.cluster_resources())
            self._give_up(f"finds no place for {self._told()} within {self.timeout:g} s; the cluster has {has}")

    def _give_up(self, why: str) -> None:
        self.given_up = True
        raise Gone(why)

    def _open_places(self) -> int:
        """On how many places of the cluster a ComfyUI could be that has not failed to come up there."""
        places = 0
        for node in ray.nodes():
            if node["Alive"]:
                failed = sum(one.broken and f"({node['NodeID'][:8]})" in one.place for one in self.runners)
                places += max(0, self._fitting(node["Resources"]) - failed)
        return places

    def _fitting(self, resources: dict[str, Any]) -> int:
        """How many ComfyUIs fit into these resources."""
        return min(int(resources.get(kind, 0) / need + 1e-6) for kind, need in self.needs.items())

    def _told(self) -> str:
        return " and ".join(f"{need:g} {kind}" for kind, need in self.needs.items())


def _amounts(resources: dict[str, Any]) -> str:
    return f"{resources.get('CPU', 0):g} CPU and {resources.get('GPU', 0):g} GPU"
