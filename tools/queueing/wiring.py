"""FSampler put into a prompt for one mode, with a report of each of its nodes where one can be had."""

import copy

from ..convert import api
from ..convert.api import Prompt
from ..convert.known import KSAMPLERS, MODEL_NODE

_OUR_KSAMPLERS = {ours[0] for ours in KSAMPLERS.values()}
REPORTING = {MODEL_NODE, "FSamplerSampler", "FSamplerSolver", *_OUR_KSAMPLERS}  # output 1 is the report
_LATENT = {"SamplerCustom", "SamplerCustomAdvanced", *KSAMPLERS, *_OUR_KSAMPLERS}  # output 0 is what was sampled
REPORT, SHOW = "fsampler_report_", "fsampler_json_"  # the ids of the added nodes begin so


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
    for number, node in list(prompt.items()):
        if node["class_type"] not in REPORTING:
            continue
        latent = number if node["class_type"] in _OUR_KSAMPLERS else _sampled(prompt, number)
        if latent is None:
            continue  # without a latent to wait for, the report would come before the run and be empty
        prompt[REPORT + number] = {
            "class_type": "FSamplerReport",
            "inputs": {"report": [number, 1], "latent": [latent, 0]},
        }
        prompt[SHOW + number] = {"class_type": "PreviewAny", "inputs": {"source": [REPORT + number, 1]}}


def _sampled(prompt: Prompt, number: str) -> str | None:
    """The id of the nearest node after this one whose first output is what was sampled, or None."""
    todo, seen = [number], {number}
    while todo:
        last = todo.pop(0)
        for after, node in prompt.items():
            sources = [str(value[0]) for value in node["inputs"].values() if isinstance(value, list) and value]
            if last in sources and after not in seen:
                if node["class_type"] in _LATENT:
                    return after
                seen.add(after)
                todo.append(after)
    return None
