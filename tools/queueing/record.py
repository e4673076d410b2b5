"""What is kept of a finished job: its record."""

import itertools
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO, Protocol

from pydantic import ValidationError

from ..convert.links import Prompt
from ..data import Object, as_list
from ..report import Report, fault
from ..text import cut
from .answers import Entry, Listed, Status
from .deadline import SLOWEST, Deadline
from .gone import Gone
from .history import cached_nodes, seconds
from .names import slug
from .outputs import PICTURES, ending, listed
from .plan import QueueJob
from .prompt import title
from .server import ANSWER
from .store import Store
from .wiring import PLAN, SHOW

MOST_FILES, MOST_BYTES = 1000, 32 * 2**30  # of a job; a file that has begun is fetched whole


def record_of(
    job: QueueJob, prompt: Prompt, entry: Entry, server: str, prompt_id: str, by_node: dict[str, float]
) -> Object:
    """The record of a job, still without its files.

    ``entry`` is the history's, of which the prompt is not kept, as plan, mode and seed say it. ``by_node`` are the
    seconds spent in each node, empty if nobody listened. Raises ``Gone`` for a report that is none.
    """
    plans = {key: as_list(output.get("text")) for key, output in entry.outputs.items() if key.startswith(PLAN)}
    outputs = {key: output for key, output in entry.outputs.items() if key not in plans}
    status = entry.status or Status()
    reports = list(_reports(outputs, prompt))
    sampled = [key.removeprefix(SHOW) for key in prompt if key.startswith(SHOW)]
    latents = [str(prompt[f"fsampler_report_{number}"]["inputs"]["latent"][0]) for number in sampled]
    cached = bool(set(latents) & cached_nodes(status))  # then it was not sampled now, and the seconds mean nothing
    samplers = list(dict.fromkeys(latents))
    timed = samplers and not cached and all(number in by_node for number in samplers)
    return {
        "mode": job.mode,
        "seed": job.seed,
        "server": server,
        "prompt_id": prompt_id,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": None if cached else seconds(status),
        "cached": cached,
        "sampling_seconds": round(sum(by_node[number] for number in samplers), 4) if timed else None,
        "nodes": {number: round(spent, 4) for number, spent in by_node.items()},
        "reports": reports,
        "plans": plans,
        "images": [],
        "files": [],
        "left": [],
        "history": {"outputs": outputs, "status": status.model_dump(exclude_unset=True)},
    }


class Viewer(Protocol):
    """Whoever gives the files that a history names; ``timeout`` is in seconds."""

    timeout: float

    def view(self, file: Listed, sink: BinaryIO, deadline: Deadline) -> bool:
        """Write a file to ``sink``; False if it is not to be had. Raises ``Gone``, also at the deadline."""


def with_files(record: Object, prompt: Prompt, server: Viewer, store: Store) -> None:
    """Fetch the files that a record's history lists, keep them, and list them in the record.

    All have one deadline, which moves a second on with each. What the server does not give, and what is past
    ``MOST_FILES`` and ``MOST_BYTES``, is named under ``left``.
    """
    key, left = QueueJob(record["mode"], record["seed"]).key, record["left"]
    deadline, files = Deadline(min(ANSWER, server.timeout)), listed(record["history"]["outputs"], prompt)
    taken = 0
    for number, index, file in itertools.islice(files, MOST_FILES):
        said = f"{cut(file.filename, 200)!r} of node {title(prompt, number)!r}"
        if taken > MOST_BYTES:
            left.append(f"{said}, and what comes after it: the files of the job before it have {taken} bytes")
            return
        stem = f"{key}_{slug(number)}_{index}"
        kept = store.bring(partial(server.view, file, deadline=deadline), partial(_place, stem))
        deadline.earn(SLOWEST)
        if kept is None:
            left.append(f"{said}: the server does not give it")
            continue
        taken += kept[1]
        folder, _, name = kept[0].partition("/")
        record[folder].append(
            {
                "file": name,
                "bytes": kept[1],
                "node": number,
                "title": title(prompt, number),
                "index": index,
                "named": file.filename,
            }
        )
    if more := sum(1 for _ in files):
        left.append(f"{more} more files of the job, which lists more than the {MOST_FILES} that are fetched")


def _place(stem: str, head: bytes) -> str:
    """Where a file goes that begins with these bytes."""
    kind = ending(head)
    return f"{'images' if kind in PICTURES else 'files'}/{stem}.{kind}"


def _reports(outputs: Mapping[str, Mapping[str, Any]], prompt: Prompt) -> Iterator[Object]:
    """The engine's reports, each with the id and title of the node it is of."""
    for key, output in outputs.items():
        texts = as_list(output.get("text"))
        if not key.startswith(SHOW) or not texts:
            continue
        number = key.removeprefix(SHOW)
        try:
            report = Report.model_validate_json(texts[0] if isinstance(texts[0], str) else "")
        except ValidationError as error:
            raise Gone(f"answers /history with a wrong report of node {number} ({fault(error)})") from None
        yield report.to_dict() | {"node": number, "title": title(prompt, number)}
