"""What a server says against a prompt, in the words of the user's workflow."""

import re
from collections.abc import Iterator, Sequence

from ..convert.links import Prompt
from .answers import Entry, NodeError, Status, Submitted
from .prompt import title


class Refused(Exception):
    """A server does not run a prompt, or could not; ``lines`` say why, by node title and input."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines)  # as they came, so that another process gets the same
        self.lines = list(lines)

    def __str__(self) -> str:
        return "; ".join(self.lines)


def complaints(answer: Submitted, prompt: Prompt) -> list[str]:
    """What an answer to POST /prompt says against nodes of the prompt, a line each, else against all of it."""
    error = answer.error
    whole = error if isinstance(error, NodeError) else NodeError(message=error or "it does not say why")
    return list(_lines(answer, prompt)) or [_whole(whole, prompt)]


def _whole(error: NodeError, prompt: Prompt) -> str:
    """An error that is said of the prompt as a whole; its details may still name a node."""
    said = f"{error.message} {error.details}".strip()
    found = re.search("^Node ID '#(.+)'$", error.details)
    if found is None or found[1] not in prompt:
        return said
    return f"node {title(prompt, found[1])!r} ({found[1]}), class {prompt[found[1]].get('class_type')!r}: {said}"


def _lines(answer: Submitted, prompt: Prompt) -> Iterator[str]:
    """The errors that are said of nodes, a line each."""
    for number, node in answer.node_errors.items():
        for error in node.errors:
            named = f", input {error.extra_info.input_name!r}" if error.extra_info.input_name else ""
            yield f"node {title(prompt, number)!r} ({number}){named}: {error.message} ({error.details})"


def failure(entry: Entry, prompt: Prompt) -> str | None:
    """Why a prompt that has ended, with this entry in the history, did not succeed; None if it did."""
    status = entry.status or Status()
    if status.status_str == "success":
        return None
    for kind, event in status.messages:
        where = f"node {title(prompt, event.node_id)!r} ({event.node_id})"
        if kind == "execution_error":
            return f"{where}: {event.exception_type}: {event.exception_message.strip()}"
        if kind == "execution_interrupted":
            return f"somebody interrupted it at {where}"
    return "it ended without success, and the server does not say why"
