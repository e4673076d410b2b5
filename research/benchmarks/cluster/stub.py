"""A stand-in for ComfyUI's main.py: it answers what ``fsampler queue`` asks, and takes its time for a job.

``make(folder)`` puts it into a folder as ``main.py``, so that it is started like a ComfyUI. Needs nothing but Python.
Beside ComfyUI's arguments it takes those of ``parse``.
"""

import argparse
import base64
import hashlib
import json
import os
import shutil
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PROMPT = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "a"}},
    "2": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "seed": 1, "steps": 20}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
}
REPORT = {"mode": "fast", "calls": 10, "evaluations": 20, "sequence": "RS" * 10, "records": []}
SIGN = b"\x89PNG\r\n\x1a\n"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def make(folder):
    """A folder that can be given as --comfyui."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(__file__, folder / "main.py")
    return folder


def picture(seed, size):
    """What a seed gives: ``size`` bytes that begin like a PNG and are different for each seed."""
    return (SIGN + f"{seed};".encode() * (size // 2))[:size]


def parse():
    """Its arguments; ComfyUI's others are passed over."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--listen")
    parser.add_argument("--port", type=int)
    parser.add_argument("--output-directory")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a job")
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of a picture")
    parser.add_argument("--diary", help="a file that gets a line for the start and for each job")
    parser.add_argument("--refuse", type=int, help="a seed that fails")
    parser.add_argument("--fatal", type=int, help="a seed that ends the process")
    parser.add_argument("--silent", action="store_true", help="never come up")
    return parser.parse_known_args()[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urlsplit(self.path)
        match path.path.strip("/").split("/"):
            case ["ws"]:
                return self.listen()
            case ["system_stats"]:
                self.say({"system": {"comfyui_version": "0.8.0", "argv": sys.argv}})
            case ["object_info", kind]:
                self.say({kind: {}})
            case ["history", prompt_id]:
                self.say({prompt_id: self.server.history[prompt_id]} if prompt_id in self.server.history else {})
            case ["queue"]:
                self.say({"queue_running": [[0, one] for one in self.server.running], "queue_pending": []})
            case ["view"]:
                seed = path.query.partition("filename=")[2].partition(".")[0]
                self.say(picture(seed, self.server.options.size))

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt_id = asked["prompt_id"]
        self.server.running.add(prompt_id)
        self.say({"prompt_id": prompt_id, "number": 1, "node_errors": {}})
        threading.Thread(target=self.server.work, args=[prompt_id, asked["prompt"]], daemon=True).start()

    def say(self, answer):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def listen(self):
        proof = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _GUID).digest()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade")):
            self.send_header(name, value)
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(proof).decode())
        self.end_headers()
        self.close_connection = True
        self.server.listeners.append(self.wfile)
        while self.rfile.read(1):
            pass

    def log_message(self, *_):
        pass


class Stub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, options):
        super().__init__((options.listen, options.port), Handler)
        self.options, self.history, self.running, self.listeners = options, {}, set(), []

    def work(self, prompt_id, prompt):
        """Run a prompt and tell its end over the websockets."""
        seed = prompt["2"]["inputs"]["seed"]
        note(self.options, seed)
        time.sleep(self.options.seconds)
        if seed == self.options.fatal:
            os._exit(9)
        failed = ["execution_error", {"node_id": "2", "exception_type": "Fault", "exception_message": "as asked for"}]
        status = {"status_str": "success", "messages": []}
        if seed == self.options.refuse:
            status = {"status_str": "error", "messages": [failed]}
        outputs = {"3": {"images": [{"filename": f"{seed}.png", "subfolder": "", "type": "output"}]}}
        shows = [number for number in prompt if number.startswith("fsampler_json_")]
        outputs |= {number: {"text": [json.dumps(REPORT)]} for number in shows}
        self.history[prompt_id] = {"outputs": outputs, "status": status}
        self.running.discard(prompt_id)
        text = json.dumps({"type": "execution_success", "data": {"prompt_id": prompt_id}}).encode()
        for listener in self.listeners:
            listener.write(b"\x81\x7e" + struct.pack(">H", len(text)) + text)

    def handle_error(self, *_):
        """A client that goes is no event."""


def note(options, *words):
    if options.diary:
        with open(options.diary, "a") as file:
            file.write(" ".join(map(str, (os.getpid(), *words))) + "\n")


def main():
    options = parse()
    note(options, "start", os.getppid(), options.output_directory)
    sys.stderr.write("loading the stub\n")
    if options.silent:
        sys.stderr.write("this one stays silent\n")
        time.sleep(3600)
    Stub(options).serve_forever(0.02)


if __name__ == "__main__":
    main()
