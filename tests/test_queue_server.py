"""What a server may answer, or not: each is named, nothing half stays, and nobody else is asked."""

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from comfyui_fsampler.tools.queueing import server as module
from comfyui_fsampler.tools.queueing.answers import Listed
from comfyui_fsampler.tools.queueing.gone import Gone
from comfyui_fsampler.tools.queueing.server import Server

FILE = Listed(filename="a.png", subfolder="", type="output")
GOOD = {"/system_stats": b'{"system": {"comfyui_version": "0.8.0"}}', "/object_info/Node": b'{"Node": {}}'}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def fake():
    """``fake(answer)`` is a server that answers ``answer(path)``: status, headers and body."""
    running = []

    def start(answer):
        served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        served.answer, served.asked = answer, []
        served.address = f"http://127.0.0.1:{served.server_port}"
        threading.Thread(target=served.serve_forever, args=[0.02], daemon=True).start()
        running.append(served)
        return served

    yield start
    for served in running:
        served.shutdown()
        served.server_close()


def saying(body, status=200, **headers):
    return lambda path: (status, headers, body)


def test_a_good_one(fake):
    one = fake(lambda path: (200, {}, GOOD[path]))
    Server(one.address).check(["Node"])
    assert one.asked == list(GOOD)


@pytest.mark.parametrize(
    "answer, said",
    [
        (saying(b"<html>"), "answers /system_stats with something else than JSON"),
        (saying(b"[]"), "answers /system_stats with a wrong answer: Input should be"),
        (saying(b'{"system": '), "something else than JSON"),
        (saying(b"[" * 200_000), "something else than JSON"),
        (saying(b"\xff\xfe\xfd"), "something else than JSON"),
        (saying(b"{}"), "runs ComfyUI of unknown version; expected 0.3.64 or newer"),
        (saying(b'{"system": 3}'), "answers /system_stats with a wrong system: Input should be"),
        (saying(b"", 500), "answers /system_stats with status 500"),
        (saying(b"", 401), "answers 401: wants a token; set FSAMPLER_TOKEN"),
        (saying(b"", 403), "answers 403: wants a token"),
        (saying(b"{}", **{"Content-Length": 100}), "breaks"),
        (lambda path: (200, {}, GOOD.get(path, b"{}").replace(b"Node", b"Other")), "there has no node Node"),
    ],
)
def test_an_answer_that_is_none_is_named(answer, said, fake):
    with pytest.raises(Gone) as error:
        Server(fake(answer).address).check(["Node"])
    assert said in str(error.value) and "\n" not in str(error.value)


def test_no_redirect_is_followed(fake):
    other = fake(saying(GOOD["/system_stats"]))
    one = fake(saying(b"", 302, Location=f"{other.address}/system_stats"))
    with pytest.raises(Gone, match="status 302"):
        Server(one.address, "t0ken-of-it").check(["Node"])
    assert Server(one.address).view(FILE, io.BytesIO()) is False
    assert len(one.asked) == 2 and other.asked == []


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_file_that_is_not_given_is_no_reason_to_leave(status, fake):
    sink = io.BytesIO()
    assert Server(fake(saying(b"why", status)).address).view(FILE, sink) is False and sink.getvalue() == b""


def test_more_than_can_be_is_not_taken(fake, monkeypatch):
    monkeypatch.setattr(module, "MOST_JSON", 1000)
    monkeypatch.setattr(module, "MOST_FILE", 1000)
    server = Server(fake(saying(b"x" * 5000)).address)
    with pytest.raises(Gone, match="answers /history with more than"):
        server.history("id")
    with pytest.raises(Gone, match="answers /view with more than"):
        server.view(FILE, io.BytesIO())


def test_silence_is_named(fake):
    waiting = threading.Event()
    one = fake(lambda path: waiting.wait(20) and (200, {}, b"{}"))
    with pytest.raises(Gone, match="does not answer /queue within 0.3 s"):
        Server(one.address, timeout=0.3).place("id")
    waiting.set()
