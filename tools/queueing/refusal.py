"""What a server says against a prompt, in the words of the user's workflow."""

import re

from .prompt import title


class Refused(Exception):
    """POST /prompt was answered with errors; ``lines`` say them by node title and input."""

    def __init__(self, answer, prompt):
        error = answer.get("error")
        error = error if isinstance(error, dict) else {"message": error}
        self.lines = list(_lines(answer.get("node_errors"), prompt))
        self.lines = self.lines or [_whole(error, prompt)]
        super().__init__("; ".join(self.lines))


def _whole(error, prompt):
    """An error that is not among those of the nodes; its details may name one all the same."""
    said = " ".join(str(error.get(key) or "") for key in ("message", "details")).strip()
    found = re.search("^Node ID '#(.+)'$", str(error.get("details")))
    if found is None or found[1] not in prompt:
        return said
    return f"node {title(prompt, found[1])!r} ({found[1]}), class {prompt[found[1]].get('class_type')!r}: {said}"


def _lines(errors, prompt):
    for number, node in (errors if isinstance(errors, dict) else {}).items():
        for error in node.get("errors") or [] if isinstance(node, dict) else []:
            info = error.get("extra_info") if isinstance(error.get("extra_info"), dict) else {}
            named = f", input {info['input_name']!r}" if info.get("input_name") else ""
            yield f"node {title(prompt, number)!r} ({number}){named}: {error.get('message')} ({error.get('details')})"


def failure(history, prompt):
    """Why a prompt that has ended did not succeed, or None if it did."""
    status = history.get("status") if isinstance(history.get("status"), dict) else {}
    if status.get("status_str") == "success":
        return None
    messages = [one for one in status.get("messages") or [] if isinstance(one, list) and len(one) == 2]
    for kind, data in (one for one in messages if isinstance(one[1], dict)):
        if kind == "execution_error":
            where = f"node {title(prompt, data.get('node_id'))!r} ({data.get('node_id')})"
            return f"{where}: {data.get('exception_type')}: {str(data.get('exception_message')).strip()}"
        if kind == "execution_interrupted":
            return f"somebody interrupted it at node {title(prompt, data.get('node_id'))!r} ({data.get('node_id')})"
    return "it ended without success, and the server does not say why"
