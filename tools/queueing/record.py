"""What is kept of a finished job: its record."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from ..convert.api import Prompt
from ..data import Object, as_list, as_object, parse_object
from .history import cached_nodes, seconds, status_of
from .names import slug
from .outputs import PICTURES, ending, listed
from .plan import QueueJob
from .prompt import title
from .server import Server
from .store import Store
from .wiring import SHOW


def record_of(
    job: QueueJob, prompt: Prompt, entry: Object, server: str, prompt_id: str, by_node: dict[str, float]
) -> Object:
    """The record of a job, still without its files.

    ``entry`` is the history's, of which the prompt is not kept, as plan, mode and seed say it. ``by_node`` are the
    seconds spent in each node, empty if nobody listened.
    """
    outputs, status = as_object(entry.get("outputs")), status_of(entry)
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
        "images": [],
        "files": [],
        "left": [],
        "history": {"outputs": outputs, "status": status},
    }


def with_files(record: Object, prompt: Prompt, server: Server, store: Store) -> None:
    """Fetch the files that a record's history lists, keep them, and list them in the record.

    What the server does not give is named under ``left``.
    """
    key = QueueJob(record["mode"], record["seed"]).key
    for number, index, file in listed(record["history"]["outputs"], prompt):
        stem = f"{key}_{slug(number)}_{index}"
        kept = store.bring(partial(server.view, file), partial(_place, stem))
        if kept is None:
            said = f"{file['filename']!r} of node {title(prompt, number)!r}"
            record["left"].append(f"{said}: the server does not give it")
            continue
        folder, _, name = kept[0].partition("/")
        record[folder].append(
            {
                "file": name,
                "bytes": kept[1],
                "node": number,
                "title": title(prompt, number),
                "index": index,
                "named": file["filename"],
            }
        )


def _place(stem: str, head: bytes) -> str:
    """Where a file goes that begins with these bytes."""
    kind = ending(head)
    return f"{'images' if kind in PICTURES else 'files'}/{stem}.{kind}"


def _reports(outputs: Object, prompt: Prompt) -> Iterator[dict[str, Any]]:
    """The engine's reports, each with the id and title of the node it is of."""
    for key, output in outputs.items():
        texts = as_list(as_object(output).get("text"))
        report = parse_object(texts[0]) if key.startswith(SHOW) and texts and isinstance(texts[0], str) else None
        if report is not None:
            number = key.removeprefix(SHOW)
            yield {"node": number, "title": title(prompt, number), **report}
