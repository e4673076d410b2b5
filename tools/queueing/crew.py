"""Who runs the jobs: some ComfyUIs, each with a thread of its own, until all is done or nobody is left."""

import threading
from collections.abc import Iterable
from typing import Protocol

from . import address
from .board import Board
from .plan import Plan, QueueJob
from .progress import Progress
from .runner import Runner, ServerRunner
from .server import Server
from .store import AGAIN, Store
from .worker import Worker


class Crew(Protocol):
    """Those who run jobs.

    ``told`` are lines for the user at the beginning; ``left`` says what becomes of the running jobs at an interrupt.
    """

    told: list[str]
    left: str

    def board(self, store: Store, jobs: list[QueueJob]) -> Board:
        """The jobs, on a board of this crew."""

    def progress(self, total: int, done: int) -> Progress:
        """What is shown meanwhile; ``done`` of the ``total`` jobs were finished before."""

    def recruits(self, board: Board) -> list[Runner]:
        """Who joins now. It is asked again and again; it is the end when all who joined have left and nobody joins."""


class Named:
    """The servers that the user named: all of them join at the beginning."""

    left = "a job that a server still runs is fetched then"

    def __init__(self, addresses: Iterable[str], token: str | None, timeout: float, stop: threading.Event) -> None:
        self.servers = [Server(one, token, timeout) for one in addresses]
        self.coming: list[Runner] = [ServerRunner(one, stop) for one in self.servers]
        plain = [one for one in self.servers if one.address.startswith("http:")]
        far = [one.name for one in plain if not address.is_loopback(one.address)]
        said = f"the token goes to {', '.join(far)} unencrypted; use https or an ssh tunnel"
        self.told = [said] if token and far else []

    def board(self, store: Store, jobs: list[QueueJob]) -> Board:
        """As ``Crew`` says; a job that a server still has is kept for it."""
        started = {job: store.started(job) for job in jobs}
        return Board(jobs, {job: place[0] for job, place in started.items() if place})

    def progress(self, total: int, done: int) -> Progress:
        """As ``Crew`` says, with a bar for each server."""
        return Progress([one.name for one in self.servers], total, done)

    def recruits(self, board: Board) -> list[Runner]:
        """As ``Crew`` says."""
        coming, self.coming = self.coming, []
        return coming


def work(crew: Crew, plan: Plan, jobs: list[QueueJob], store: Store, stop: threading.Event) -> Board:
    """Run the jobs of the plan that remain; return the ``Board`` when all workers have ended.

    Raises ValueError and OSError of a worker, for which all others have ended too. ``stop`` is set afterwards.
    """
    board, workers = crew.board(store, jobs), list[Worker]()
    board.begin_with(plan.first)
    progress = crew.progress(len(plan.jobs), len(plan.jobs) - len(jobs))
    for line in (*(f"left alone: {line}" for line in plan.untouched), *plan.unplanned, *crew.told):
        progress.say(line)
    try:
        while True:
            alive = [worker for worker in workers if worker.is_alive()]  # looked at before somebody may replace them
            new = [Worker(one, plan, board, store, progress, stop) for one in crew.recruits(board)]
            for worker in new:  # once all are on the board: a job may be kept for one of them
                worker.start()
            workers += new
            if not alive and not new:
                break
            (alive + new)[0].join(0.1)
    except KeyboardInterrupt:
        progress.say(f"{AGAIN}; {crew.left}")
        stop.set()
        for worker in workers:
            worker.join(2)
        raise
    finally:
        stop.set()
        progress.close()
    for worker in workers:
        if worker.error is not None:
            raise worker.error
        if worker.crashed:
            raise RuntimeError(f"the thread of {worker.name} crashed; its traceback is above; {AGAIN}")
    return board
