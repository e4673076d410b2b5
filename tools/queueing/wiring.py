"""FSampler put into a prompt for one mode, with a report of each of its nodes where one can be had."""

import copy
from collections import deque
from collections.abc import Iterable

from ..convert import api
from ..convert.known import KSAMPLERS, MODEL_NODE
from ..convert.links import Prompt, is_link

MOST_IMAGES = 4  # that a plan is made from (``fsampler/recording.py``)
_OUR_KSAMPLERS = {ours[0] for ours in KSAMPLERS.values()}
REPORTING = {MODEL_NODE, "FSamplerSampler", "FSamplerSolver", *_OUR_KSAMPLERS}  # output 1 is the report
_LATENT = {"SamplerCustom", "SamplerCustomAdvanced", *KSAMPLERS, *_OUR_KSAMPLERS}  # output 0 is what was sampled
REPORT, SHOW, PLAN = "fsampler_report_", "fsampler_json_", "fsampler_plan_"  # the ids of the added nodes begin so


def with_mode(prompt: Prompt, values: list[str]) -> tuple[Prompt, list[str]]:
    """A copy of the prompt that skips as the values of mode and custom_mode say, and lines on nodes left as they are.

    Raises ValueError when there is no node whose mode could be set.
    """
    prompt = copy.deepcopy(prompt)
    outcome = api.convert(prompt, values, "model", True)
    ours = [number for number, node in prompt.items() if node["class_type"] in REPORTING]
    for number in ours:
        prompt[number]["inputs"].update(mode=values[0], custom_mode=values[1])
    if not ours:
        lines = [*outcome.already, *outcome.untouched]
        why = f" ({'; '.join(lines)})" if lines else ""
        raise ValueError(f"no sampler in the workflow that can have FSampler{why}; expected at least one")
    return prompt, outcome.untouched


def add_reports(prompt: Prompt) -> None:
    """Add, in place, a report of each reporting node, and a node that puts it into the history as JSON."""
    sampled = _sampled(prompt)
    for number, node in list(prompt.items()):
        if node["class_type"] not in REPORTING:
            continue
        latent = number if node["class_type"] in _OUR_KSAMPLERS else sampled.get(number)
        if latent is None:
            continue  # without a latent to wait for, the report would come before the run and be empty
        prompt[REPORT + number] = {
            "class_type": "FSamplerReport",
            "inputs": {"report": [number, 1], "latent": [latent, 0]},
        }
        prompt[SHOW + number] = {"class_type": "PreviewAny", "inputs": {"source": [REPORT + number, 1]}}


def add_plans(prompt: Prompt, counts: Iterable[int]) -> None:
    """Add, in place, to each report a plan for each of these numbers of calls."""
    for key in [key for key in prompt if key.startswith(REPORT)]:
        for calls in counts:
            prompt[plan_key(calls, key.removeprefix(REPORT))] = {
                "class_type": "FSamplerRecord",
                "inputs": {"calls": calls, "images": MOST_IMAGES, **prompt[key]["inputs"]},
            }


def plan_key(calls: int, number: str) -> str:
    """The id of the node that plans so many calls of the FSampler node with this id."""
    return f"{PLAN}{calls}_{number}"


def _sampled(prompt: Prompt) -> dict[str, str]:
    """For each node that has one: the nearest node after it whose first output is what was sampled.

    Found from these nodes backwards, all at once, so that it takes time in proportion to the prompt.
    """
    nearest: dict[str, str] = {}
    todo = deque((number, number) for number, node in prompt.items() if node["class_type"] in _LATENT)
    while todo:
        number, latent = todo.popleft()
        for value in prompt[number]["inputs"].values():
            source = str(value[0]) if is_link(value, prompt) else None
            if source is not None and source not in nearest:
                nearest[source] = latent
                todo.append((source, latent))
    return nearest
