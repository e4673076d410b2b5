"""How far a long command is, on stderr: a bar with the time left on a terminal, else a line for each tenth."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
FORMAT = "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}, {remaining} left"
FEW = 20  # items; below, no lines


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The items, of which there are ``total``; each is done when the next is asked for."""
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total, bar_format=FORMAT, leave=False, file=sys.stderr)
        return
    for done, item in enumerate(items, 1):
        yield item
        if total >= FEW and done * 10 // total > (done - 1) * 10 // total:
            sys.stderr.write(f"{what} {done}/{total}\n")
