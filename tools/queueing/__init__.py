"""Runs a workflow on ComfyUI servers, for every mode and seed; neither torch nor ComfyUI is needed to import it."""
