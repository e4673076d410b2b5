"""The part that runs on a machine of the cluster: a ComfyUI, and the queue's own client beside it."""

import tempfile
import threading

import ray

from ..convert.links import Prompt
from ..queueing.answers import Listed
from ..queueing.gone import Gone
from ..queueing.runner import Ran, ServerRunner
from ..queueing.server import Server
from .launch import ComfyUI
from .options import Options

PIECE = 4 * 2**20  # bytes of a file that go over the network at once


class Host:
    """Owns a ComfyUI, and the share of its machine that Ray has given to it. An actor of Ray's.

    Methods raise ``Gone`` when the ComfyUI cannot be used; it is not started again.
    """

    def __init__(self, options: Options, timeout: float) -> None:
        self.options, self.timeout = options, timeout
        self.file = tempfile.TemporaryFile()  # the one that is being handed over

    def place(self) -> str:
        """The machine, in a word or two."""
        return f"{ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:8]})"

    def open(self) -> None:
        """Start the ComfyUI, and see that it can do the jobs."""
        self.comfyui = ComfyUI(self.options, self.timeout)
        self.runner = ServerRunner(Server(self.comfyui.address, None, self.timeout), threading.Event())
        try:
            self.runner.open()
        except Gone:
            self.comfyui.end()
            raise

    def run(self, prompt: Prompt) -> Ran:
        """Run a prompt to its end. Raises ``Refused`` if ComfyUI takes none of it."""
        try:
            return self.runner.run(prompt, None, lambda prompt_id: None, lambda value, most: None)
        except Gone as error:
            raise Gone(self.comfyui.ended() or str(error)) from None

    def fetch(self, file: Listed) -> tuple[int, bytes] | None:
        """The size of a file that the history names, and its first piece; None if ComfyUI does not give it."""
        self.file.seek(0)
        self.file.truncate()
        if not self.runner.view(file, self.file):
            return None
        return self.file.tell(), self.piece(0)

    def piece(self, start: int) -> bytes:
        """A piece of the file that was fetched last, from a byte on."""
        self.file.seek(start)
        return self.file.read(PIECE)

    def end(self) -> None:
        """End the ComfyUI and wait until it has ended, so that its share of the machine is free."""
        self.comfyui.end()
