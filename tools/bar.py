"""How far a long command is, on stderr: a bar with the time left on a terminal, else a line for each tenth."""

import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
FORMAT = "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}, {remaining} left"


class Bar:
    """A bar for a block. ``what`` is counted; ``total``, how many there are, may change on the way.

    Below ``few`` items there are no lines where there is no terminal.
    """

    def __init__(self, what: str, total: int = 0, few: int = 0) -> None:
        self.what, self.few, self.n, self.now = what, few, 0, ""
        self.live = sys.stderr.isatty()
        self._total, self._bar = (
            total,
            tqdm(desc=what, total=total, bar_format=FORMAT, leave=False, file=sys.stderr, disable=not self.live),
        )

    @property
    def total(self) -> int:
        """How many there are in all."""
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._total = self._bar.total = total

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def set_description(self, now: str) -> None:
        """What is at work now."""
        self.now = now
        self._bar.set_description_str(f"{self.what}, {now}")

    def update(self, count: int = 1) -> None:
        """So many more are done."""
        before, self.n = self.n, self.n + count
        self._bar.update(count)
        if not self.live and self.total >= max(1, self.few) and self.n * 10 // self.total > before * 10 // self.total:
            sys.stderr.write(f"{self.what} {self.n}/{self.total}{f', {self.now}' if self.now else ''}\n")

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        tqdm.write(line, file=sys.stderr)


def progress(items: Iterable[Item], total: int, what: str, few: int = 0) -> Iterator[Item]:
    """The items, of which there are ``total``; each is done when the next is asked for. ``few`` is as in ``Bar``."""
    with Bar(what, total, few) as bar:
        for item in items:
            yield item
            bar.update()
