"""What is kept of a finished job."""

import json
import time
from functools import partial

from .names import slug
from .outputs import PICTURES, ending, listed
from .prompt import title
from .wiring import SHOW


def record_of(job, prompt, entry, server, prompt_id, by_node):
    """The record without its files. The history's prompt is left out: plan, mode and seed say it."""
    outputs = entry.get("outputs") if isinstance(entry.get("outputs"), dict) else {}
    status = entry.get("status") if isinstance(entry.get("status"), dict) else {}
    reports = list(_reports(outputs, prompt))
    sampled = [key.removeprefix(SHOW) for key in prompt if key.startswith(SHOW)]
    latents = [str(prompt[f"fsampler_report_{number}"]["inputs"]["latent"][0]) for number in sampled]
    cached = bool(set(latents) & _cached(status))  # then it was not sampled now, and the seconds mean nothing
    sampling = [by_node.get(number) for number in dict.fromkeys(latents)]
    return {
        "mode": job.mode,
        "seed": job.seed,
        "server": server,
        "prompt_id": prompt_id,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": None if cached else _seconds(status),
        "cached": cached,
        "sampling_seconds": round(sum(sampling), 4) if sampling and None not in sampling and not cached else None,
        "nodes": {number: round(seconds, 4) for number, seconds in by_node.items()},
        "reports": reports,
        "images": [],
        "files": [],
        "left": [],
        "history": {"outputs": outputs, "status": status},
    }


def with_files(record, prompt, server, store):
    """Fetch the files of a record's history and keep them; what the server does not give is named under ``left``."""
    key = f"{slug(record['mode'])}_seed-{record['seed']}"
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


def _place(stem, head):
    kind = ending(head)
    return f"{'images' if kind in PICTURES else 'files'}/{stem}.{kind}"


def _reports(outputs, prompt):
    """The engine's reports, each with the node it is of."""
    for key, output in outputs.items():
        if not key.startswith(SHOW) or not isinstance(output, dict):
            continue
        number = key.removeprefix(SHOW)
        try:
            report = json.loads(output["text"][0])
        except (KeyError, IndexError, TypeError, json.JSONDecodeError):
            continue
        if isinstance(report, dict):
            yield {"node": number, "title": title(prompt, number), **report}


def _messages(status):
    found = [one for one in status.get("messages") or [] if isinstance(one, list) and len(one) == 2]
    return {kind: data for kind, data in found if isinstance(data, dict)}


def _cached(status):
    nodes = _messages(status).get("execution_cached", {}).get("nodes")
    return {str(number) for number in nodes} if isinstance(nodes, list) else set()


def _seconds(status):
    """From start to success by the server's clock, None if it does not say."""
    messages = _messages(status)
    start, end = (messages.get(f"execution_{name}", {}).get("timestamp") for name in ("start", "success"))
    numbers = isinstance(start, (int, float)) and isinstance(end, (int, float))
    return round((end - start) / 1000, 3) if numbers else None
