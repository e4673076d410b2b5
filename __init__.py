"""FSampler for ComfyUI: faster diffusion sampling by skipping model calls.

The pack's face. Importing it imports neither ComfyUI nor torch; the engine is ``comfyui_fsampler.fsampler``, the
solvers are ``comfyui_fsampler.samplers``.
"""

__version__ = "0.1.0"
