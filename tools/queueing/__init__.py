"""Runs a workflow on ComfyUI servers, for every mode and seed; neither torch nor ComfyUI is needed to import it.

It is not called ``queue``: a folder of that name would hide Python's own ``queue`` from scripts started in ``tools/``.
"""
