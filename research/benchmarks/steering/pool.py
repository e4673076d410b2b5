"""Cells in processes of their own, each with one thread."""

import concurrent.futures
import multiprocessing
import os
import threading

import torch

from .measure import measure


def measured(todo, jobs):
    """The rows of each cell as soon as they are known; ``todo`` has the arguments of ``measure``, whose errors pass."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, spawn, _begin) as pool:
        try:
            for done in concurrent.futures.as_completed([pool.submit(measure, *given) for given in todo]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _begin():
    """One thread, and an end when the command ends, however it does."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
