"""A stand-in for a ComfyUI server: it answers at once what ``fsampler queue`` asks, and may be told to answer anything.

``Stub(history=b"[")`` answers /history with these bytes; a function gets the handler and the usual answer, and returns
``(status, bytes)``, or None if it has answered by itself. ``ws`` takes over after the websocket's handshake.
"""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from comfyui_fsampler.tools import cli

PROMPT = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "a"}},
    "2": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "seed": 1, "steps": 20}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
}
PICTURE = b"\x89PNG\r\n\x1a\n..."
REPORT = {"mode": "fast", "calls": 10, "evaluations": 20, "sequence": "RS" * 10, "records": []}
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
JOBS = 2  # that ``queue`` has
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDPOINTS = ("system_stats", "object_info", "prompt", "history", "queue", "view")


def frame(data, first=0x81):
    """A frame of a websocket; 0x81 is a whole text, 0x01 its first fragment, 0x00 one in the middle, 0x89 a ping."""
    size = len(data)
    head = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes([first]) + (head if size < 2**16 else b"\x7f" + size.to_bytes(8, "big")) + data


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b""

    def do_GET(self):
        self.server.stub.answer(self, urlsplit(self.path).path.strip("/").split("/"))

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes is no event."""


class Stub:
    def __init__(self, ws=None, **odd):
        self.odd, self.ws, self.prompts, self.listeners = odd, ws, {}, []
        self.served = Quiet(("127.0.0.1", 0), Handler)
        self.served.stub = self
        self.name = f"127.0.0.1:{self.served.server_port}"
        self.address = f"http://{self.name}"
        threading.Thread(target=self.served.serve_forever, args=[0.02], daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.served.shutdown()
        self.served.server_close()

    def usual(self, handler, path):
        """What a ComfyUI says."""
        match path:
            case ["system_stats"]:
                return {"system": {"comfyui_version": "0.8.0"}}
            case ["object_info", kind]:
                return {kind: {}}
            case ["prompt"]:
                asked = json.loads(handler.body)
                self.prompts[asked["prompt_id"]] = asked["prompt"]
                return {"prompt_id": asked["prompt_id"], "number": 1, "node_errors": {}}
            case ["history", prompt_id] if prompt_id in self.prompts:
                return {prompt_id: self.entry(prompt_id)}
            case ["queue"]:
                return {"queue_running": [], "queue_pending": []}
            case ["view"]:
                return PICTURE
        return {}

    def entry(self, prompt_id):
        """What the history says of a prompt."""
        outputs = {"3": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}}
        shows = [number for number in self.prompts[prompt_id] if number.startswith("fsampler_json_")]
        outputs |= {number: {"text": [json.dumps(REPORT)]} for number in shows}
        return {"outputs": outputs, "status": {"status_str": "success", "messages": []}}

    def answer(self, handler, path):
        if path == ["ws"]:
            return self.listen(handler)
        usual = self.usual(handler, path)
        status, data = 200, usual if isinstance(usual, bytes) else json.dumps(usual).encode()
        odd = self.odd.get(path[0])
        if callable(odd):
            odd = odd(handler, usual)
            if odd is None:
                return
            status, data = odd
        elif odd is not None:
            data = odd
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        if path == ["prompt"]:
            ended = {"type": "execution_success", "data": {"prompt_id": list(self.prompts)[-1]}}
            for listener in self.listeners:
                listener.write(frame(json.dumps(ended).encode()))

    def listen(self, handler):
        handler.close_connection = True
        proof = hashlib.sha1(handler.headers["Sec-WebSocket-Key"].encode() + GUID).digest()
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", base64.b64encode(proof).decode())
        handler.end_headers()
        if self.ws is not None:
            self.ws(handler)
        else:
            self.listeners.append(handler.wfile)
        while handler.rfile.read(1):
            pass


def queue(folder, *servers, limit=2.0):
    """``(exit code, how many jobs are done)`` of the command on some servers."""
    file = Path(folder, "prompt.json")
    file.write_text(json.dumps(PROMPT))
    named = [word for one in servers for word in ("--server", one.address)]
    code = cli.main(
        ["queue", str(file), *named, "--modes", "off,fast", "--seeds", "1", "--out", f"{folder}/out"]
        + ["--timeout", str(limit)]
    )
    return code, len(list(Path(folder, "out/jobs").glob("*.json")))


def late(handler, usual):
    """So late that the other server has a job before."""
    time.sleep(0.3)
    return 200, json.dumps(usual).encode()
