"""FSampler's research: the embedded demo models, and the benchmarks that print every figure in README and docs.

Nothing that users install imports it; it imports ``comfyui_fsampler`` like any other program.
"""
