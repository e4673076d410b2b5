"""The thread of one ComfyUI: takes jobs, has them run there, brings the results home."""

import threading
import time

from ..convert.links import Prompt
from ..data import Object
from ..text import LONGEST, cut
from .board import Board
from .follow import Stopped
from .gone import Gone
from .plan import Plan, QueueJob
from .progress import Progress
from .record import record_of, with_files
from .refusal import Refused, failure
from .runner import Runner
from .store import Store


class Worker(threading.Thread):
    """Works on the jobs of ``board`` until there are none, the ComfyUI is gone, or ``stop`` is set.

    Afterwards ``error`` is the ValueError or OSError that ended it (no room in DIR, say), and ``crashed`` says that
    something else did, which is a bug. Either sets ``stop``, so that all others end too.
    """

    def __init__(
        self, runner: Runner, plan: Plan, board: Board, store: Store, progress: Progress, stop: threading.Event
    ) -> None:
        super().__init__(name=runner.name, daemon=True)
        self.runner, self.plan, self.board, self.store = runner, plan, board, store
        self.progress, self.stop = progress, stop
        self.error: Exception | None = None
        self.crashed, self.warm = True, False  # warm: it has run a job, so the model is loaded
        board.join(runner.address)

    def run(self) -> None:
        """What the thread does."""
        why = None
        try:
            self._work()
        except Gone as error:
            why = str(error)
            self.progress.say(f"{self.runner.name} {why}")
            self.crashed = False
        except Stopped:
            self.crashed = False
        except (ValueError, OSError) as error:
            self.error, self.crashed = error, False
            self.stop.set()
        else:
            self.crashed = False
        finally:
            if self.crashed:
                self.stop.set()
            self.runner.close()
            self.board.leave(self.runner.address, why)
            self.progress.idle(self.runner.name)

    def _work(self) -> None:
        address = self.runner.address
        self.runner.open()
        self.board.join(address, self.runner.place)
        while (job := self.board.take(address, self.stop)) is not None:
            try:
                prompt = self.plan.prompt_of(job)
                self._run(job, prompt)
            except Refused as error:
                self.store.drop(job)
                self.progress.say(f"{self.runner.name} refuses {job}:", *error.lines)
                self.board.refuse(address, str(error))
            else:
                self.board.finish(address)

    def _learn(self, record: Object) -> None:
        """Take the plans from a record. Raises ``Gone`` for what is none."""
        try:
            self.plan.learn(record)
        except ValueError as error:
            raise Gone(f"answers /history with a wrong plan ({cut(str(error), LONGEST)})") from None
        for line in self.plan.unplanned:
            self.progress.say(line)

    def _run(self, job: QueueJob, prompt: Prompt) -> None:
        """Run one job and keep what it made. Raises ``Refused`` if it is refused, or if it fails on the way."""
        runner, progress = self.runner, self.progress
        began = time.monotonic()
        progress.begin(runner.name, job)
        address, prompt_id = self.store.started(job) or ("", "")
        ran = runner.run(
            prompt,
            prompt_id if address == runner.address else None,
            lambda prompt_id: self.store.begin(job, runner.address, prompt_id),
            lambda value, most: progress.step(runner.name, value, most),
        )
        for line in ran.omitted:
            progress.say(f"{runner.name} leaves out a part of {job}: {line}")
        why = failure(ran.entry, prompt)
        if why:
            raise Refused([why])
        record = record_of(job, prompt, ran.entry, runner.place, ran.prompt_id, ran.by_node)
        record["warm"], self.warm = self.warm and not ran.kept, True
        record["left"] += ran.omitted
        if job == self.plan.first:
            self._learn(record)
        with_files(record, prompt, runner, self.store)
        self.store.finish(job, record)
        progress.end(runner.name, job, record, time.monotonic() - began)
