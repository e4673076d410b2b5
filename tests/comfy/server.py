"""A ComfyUI on a free loopback port, with this pack and the test pack, and a client for it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import find
import requests
import websocket

ROOT = Path(__file__).resolve().parents[2]
PACKS = {"fsampler": ROOT, "fsampler_test": ROOT / "tests/comfy/pack"}
START, RUN = 180, 300  # seconds after which a server that does not start, or a run that does not end, is an error
PREVIEW = 1  # the websocket's binary event
NO_DIALOGS = {"Comfy.TutorialCompleted": True, "Comfy.Workflow.ShowMissingModelsWarning": False}  # of the page
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Refused(Exception):
    """POST /prompt answered 400; ``node_errors`` is what it said of the nodes."""

    def __init__(self, answer):
        super().__init__(json.dumps(answer, indent=2))
        self.error, self.node_errors = answer["error"], answer["node_errors"]

    def details(self):
        return [error["details"] for node in self.node_errors.values() for error in node["errors"]]


@dataclass
class Run:
    """What became of a prompt: its entry in the history, and the websocket's messages in their order."""

    history: dict
    messages: list = field(default_factory=list)

    @property
    def status(self):
        """``success`` or ``error``; an interrupted run counts as an error, its ``end`` tells."""
        return self.history["status"]["status_str"]

    @property
    def end(self):
        """``execution_success``, ``execution_error`` or ``execution_interrupted`` and its data."""
        return self.history["status"]["messages"][-1]

    def of(self, kind):
        """The data of all messages of a kind; ``preview`` are the binary frames."""
        return [data for name, data in self.messages if name == kind]

    def steps(self, node):
        """The progress values a node reported."""
        return [data["value"] for data in self.of("progress") if data["node"] == node]

    def text(self, node):
        return self.history["outputs"][node]["text"][0]


class Client:
    """One websocket and what is queued through it."""

    def __init__(self, server):
        self.server, self.id = server, uuid.uuid4().hex
        self.socket = websocket.create_connection(f"ws://{server.address}/ws?clientId={self.id}", timeout=RUN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def queue(self, prompt):
        """Queue an API prompt; its id, or raise ``Refused``."""
        return self.server.queue(prompt, self.id)

    def messages(self, prompt_id):
        """``(type, data)`` as they arrive, to the end of this prompt."""
        while True:
            received = self.socket.recv()
            if isinstance(received, bytes):
                if int.from_bytes(received[:4], "big") == PREVIEW:
                    yield "preview", received[8:]  # 4 bytes say which image format
                continue
            message = json.loads(received)
            kind, data = message["type"], message.get("data", {})
            if data.get("prompt_id", prompt_id) != prompt_id:
                continue
            yield kind, data
            if kind == "executing" and data["node"] is None:
                return

    def run(self, prompt):
        """Queue and wait for the end, whatever it is."""
        prompt_id = self.queue(prompt)
        messages = list(self.messages(prompt_id))
        return Run(self.server.history(prompt_id), messages)

    def success(self, prompt):
        """``run``, which must not fail."""
        run = self.run(prompt)
        assert run.status == "success", run.end
        return run


class Server:
    """``main.py`` in a process group of its own; a context manager. ``arguments`` are ComfyUI's.

    ``folder`` becomes its base directory; the packs are links in there, so nothing outside it is written to.
    """

    def __init__(self, comfyui, folder, *arguments):
        self.comfyui, self.folder, self.arguments = comfyui, Path(folder), arguments
        for name in ("models", "input", "output", "custom_nodes", "user/default"):
            (self.folder / name).mkdir(parents=True)
        for name, target in PACKS.items():
            (self.folder / "custom_nodes" / name).symlink_to(target, target_is_directory=True)
        (self.folder / "user/default/comfy.settings.json").write_text(json.dumps(NO_DIALOGS))

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        command = [
            find.interpreter(self.comfyui),
            "main.py",
            "--cpu",
            "--disable-api-nodes",
            "--base-directory",
            str(self.folder),
            "--database-url",
            "sqlite:///:memory:",
            "--listen",
            "127.0.0.1",
            "--port",
            self.address.rpartition(":")[2],
            *self.arguments,
        ]
        environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"PYTHONUNBUFFERED": "1"}
        with open(self.folder / "log.txt", "wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.comfyui,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with contextlib.ExitStack() as undo:
            undo.callback(self.__exit__)
            self._wait()
            undo.pop_all()
        self.startup = self.log()
        return self

    def __exit__(self, *_):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, number)
                self.process.wait(timeout=10)

    def _wait(self):
        until = time.monotonic() + START
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                self.get("system_stats")
                return
            time.sleep(0.2)
        raise RuntimeError(f"ComfyUI did not start (exit status {self.process.poll()}); its log:\n{self.log()}")

    def log(self, start=0):
        """What it has printed from the character ``start`` on, without colours."""
        return _COLOURS.sub("", (self.folder / "log.txt").read_text(errors="replace"))[start:]

    def wait(self, text, start=0):
        """Until the log has ``text`` after the character ``start``."""
        until = time.monotonic() + RUN
        while text not in self.log(start):
            if time.monotonic() > until:
                raise TimeoutError(f"no {text!r} in the log:\n{self.log(start)}")
            time.sleep(0.02)

    def url(self, path=""):
        return f"http://{self.address}/{path}"

    def get(self, path):
        answer = requests.get(self.url(path), timeout=60)
        answer.raise_for_status()
        return answer.json()

    def client(self):
        return Client(self)

    def queue(self, prompt, client_id):
        body = {"prompt": prompt, "client_id": client_id}
        answer = requests.post(self.url("prompt"), json=body, timeout=60)
        if answer.status_code == 400:
            raise Refused(answer.json())
        answer.raise_for_status()
        return answer.json()["prompt_id"]

    def interrupt(self):
        requests.post(self.url("interrupt"), timeout=60).raise_for_status()

    def history(self, prompt_id):
        return self.get(f"history/{prompt_id}")[prompt_id]

    def image(self, output):
        """The bytes of an image file that a node's output in the history names."""
        answer = requests.get(self.url("view"), params=output, timeout=60)
        answer.raise_for_status()
        return answer.content
