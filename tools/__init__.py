"""What is used beside ComfyUI: the command line and its commands. Imports neither ComfyUI nor the nodes."""
