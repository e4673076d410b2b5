"""Ray, started on this machine or joined where it runs, for as long as a queue works."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..text import cut, one_line
from .options import HERE, Options

if TYPE_CHECKING:
    from .pool import Pool


@contextlib.contextmanager
def on_ray(options: Options, timeout: float, stop: threading.Event) -> "Iterator[Pool]":
    """A block with the crew of a cluster. It ends with all of its ComfyUIs, and with Ray if that was started here.

    Raises ValueError if the cluster cannot be joined, or if this machine is too small, ImportError without Ray.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if options.address == HERE:
        # Ray reads it when it is imported. With "0", its services listen on 127.0.0.1 alone, on every system; without,
        # on all interfaces on Linux, whatever address the node is given.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    try:
        ray.init(
            address=options.address,
            include_dashboard=False if options.address == HERE else None,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    except (ConnectionError, RuntimeError) as error:
        why = cut(one_line(str(error)), 300)
        raise ValueError(f"--ray {options.address!r} cannot be reached or started: {why}") from None
    try:
        from .pool import Pool

        yield Pool(options, timeout, stop)
    finally:
        ray.shutdown()
