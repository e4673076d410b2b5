"""The parts of ``benchmarks/head_to_head.py``: ours against its rivals inside a real ComfyUI."""
