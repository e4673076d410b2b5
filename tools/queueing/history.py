"""What an entry of a server's history says about how a prompt went."""

from .answers import Event, Status


def cached_nodes(status: Status) -> set[str]:
    """The ids of the nodes that did not run, because the server had their outputs already."""
    return set(dict(status.messages).get("execution_cached", Event()).nodes)


def seconds(status: Status) -> float | None:
    """From start to success by the server's clock, None if it does not say."""
    said = dict(status.messages)
    start, end = (said.get(f"execution_{name}", Event()).timestamp for name in ("start", "success"))
    return None if start is None or end is None else round((end - start) / 1000, 3)
