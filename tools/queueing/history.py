"""What an entry of a server's history says about how a prompt went: its status, and the messages in it."""

from ..data import Object, as_list, as_object


def status_of(entry: Object) -> Object:
    """The status in the entry, empty if there is none."""
    return as_object(entry.get("status"))


def messages(status: Object) -> list[tuple[str, Object]]:
    """``(kind, data)`` of the messages in a status, in their order."""
    pairs = [one for one in as_list(status.get("messages")) if isinstance(one, list) and len(one) == 2]
    return [(str(kind), data) for kind, data in pairs if isinstance(data, dict)]


def cached_nodes(status: Object) -> set[str]:
    """The ids of the nodes that did not run, because the server had their outputs already."""
    return {str(number) for number in as_list(dict(messages(status)).get("execution_cached", {}).get("nodes"))}


def seconds(status: Object) -> float | None:
    """From start to success by the server's clock, None if it does not say."""
    said = dict(messages(status))
    start, end = (said.get(f"execution_{name}", {}).get("timestamp") for name in ("start", "success"))
    if isinstance(start, int | float) and isinstance(end, int | float):
        return round((end - start) / 1000, 3)
    return None
