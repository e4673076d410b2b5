"""Puts FSampler into workflow files, and takes it out again; neither torch nor ComfyUI is needed to import it."""
