"""A run's line on its node, while it runs and after: ComfyUI's progress text."""

import sys


def show(node, text):
    """Show it on the node of that id, in the page that queued the prompt; nowhere where there is none."""
    module = sys.modules.get("server")  # not imported: where ComfyUI is used without its server, there is none to start
    server = getattr(getattr(module, "PromptServer", None), "instance", None)
    page = getattr(server, "client_id", None)
    if page is not None and node is not None and hasattr(server, "send_progress_text"):
        server.send_progress_text(text, node, sid=page)  # to all pages, it would reach another graph's nodes
