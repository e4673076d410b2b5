"""What a server says against a prompt, in the words of the user's workflow."""

import re
from collections.abc import Iterator

from ..convert.api import Prompt
from ..data import Object, as_object, objects
from .history import messages, status_of
from .prompt import title


class Refused(Exception):
    """A server does not run a prompt, or could not; ``lines`` say why, by node title and input.

    ``answer`` is what POST /prompt said, or has the reason under ``error``.
    """

    def __init__(self, answer: Object, prompt: Prompt) -> None:
        error = answer.get("error")
        whole = error if isinstance(error, dict) else {"message": error}
        self.lines = list(_lines(answer.get("node_errors"), prompt)) or [_whole(whole, prompt)]
        super().__init__("; ".join(self.lines))


def _whole(error: Object, prompt: Prompt) -> str:
    """An error that is said of the prompt as a whole; its details may still name a node."""
    said = " ".join(str(error.get(key) or "") for key in ("message", "details")).strip()
    found = re.search("^Node ID '#(.+)'$", str(error.get("details")))
    if found is None or found[1] not in prompt:
        return said
    return f"node {title(prompt, found[1])!r} ({found[1]}), class {prompt[found[1]].get('class_type')!r}: {said}"


def _lines(errors: object, prompt: Prompt) -> Iterator[str]:
    """The errors that are said of nodes, a line each."""
    for number, node in as_object(errors).items():
        for error in objects(as_object(node).get("errors")):
            info = as_object(error.get("extra_info"))
            named = f", input {info['input_name']!r}" if info.get("input_name") else ""
            yield f"node {title(prompt, number)!r} ({number}){named}: {error.get('message')} ({error.get('details')})"


def failure(entry: Object, prompt: Prompt) -> str | None:
    """Why a prompt that has ended, with this entry in the history, did not succeed; None if it did."""
    status = status_of(entry)
    if status.get("status_str") == "success":
        return None
    for kind, data in messages(status):
        if kind == "execution_error":
            where = f"node {title(prompt, data.get('node_id'))!r} ({data.get('node_id')})"
            return f"{where}: {data.get('exception_type')}: {str(data.get('exception_message')).strip()}"
        if kind == "execution_interrupted":
            return f"somebody interrupted it at node {title(prompt, data.get('node_id'))!r} ({data.get('node_id')})"
    return "it ended without success, and the server does not say why"
