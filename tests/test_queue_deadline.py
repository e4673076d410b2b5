"""`fsampler queue` beside a server that never ends its answers: it is given up, and takes no memory without end."""

import json
import socket
import time

import certifi
import pytest
from comfyui_fsampler.tools.queueing import listen, record
from comfyui_fsampler.tools.queueing.deadline import Deadline, connect
from comfyui_fsampler.tools.queueing.listen import Listener
from comfyui_fsampler.tools.queueing.server import Server
from stub_server import CHUNKED, JOBS, PICTURE, Stub, frame, queue


def drip(wire, begin, piece):
    """``begin``, then a piece again and again, until nobody listens."""
    try:
        wire.write(begin)
        while True:
            wire.write(piece)
            time.sleep(0.1)
    except OSError:
        pass


def dripping(begin, piece=b" "):
    return lambda handler, usual: drip(handler.wfile, begin, piece)


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
SLOW = {
    "a body": {"system_stats": dripping(LENGTH)},
    "chunks": {"history": dripping(CHUNKED, b"1\r\n \r\n")},
    "headers": {"object_info": dripping(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n")},
    "many answers to wait": {"system_stats": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")},
    "a file": {"view": dripping(LENGTH)},
    "silence": {"prompt": lambda handler, usual: time.sleep(20)},
}


@pytest.mark.parametrize("odd", SLOW.values(), ids=SLOW)
def test_a_server_that_drips_is_given_up_and_named(odd, beside):
    """Every read of these brings something within the timeout, and the answer would never end."""
    assert "does not answer /" in (told := beside(Stub(**odd), limit=0.5)) and "within 0.5 s" in told


def ws_handshake(handler, piece=b"X: 1\r\n"):
    drip(handler.wfile, b"HTTP/1.1 101 Switching Protocols\r\n", piece)


def test_a_handshake_that_drips(beside):
    stub = Stub()
    stub.listen = ws_handshake
    assert "refuses or drops the websocket (TimeoutError)" in beside(stub, limit=0.5)


@pytest.mark.parametrize(
    "piece",
    [frame(b"x", 0x89), frame(b"x", 0x00), b"\x7f"],
    ids=["pings", "fragments", "a frame byte by byte"],
)
def test_pings_and_fragments_are_no_sign_of_life(piece, beside):
    """The queue says for ever that the job runs, and the websocket never rests."""
    asked = []

    def queue_of(handler, usual):
        return 200, json.dumps({"queue_running": [[0, one] for one in asked]}).encode()

    def history(handler, usual):
        asked.extend(usual)
        return 200, b"{}"

    def prompt(handler, usual):
        asked.append(usual["prompt_id"])
        return 200, json.dumps(usual).encode()

    stub = Stub(
        ws=lambda handler: drip(handler.wfile, frame(b"{", 0x01), piece), queue=queue_of, history=history, prompt=prompt
    )
    assert "hangs: nothing of the job for 1 s" in beside(stub, limit=1)


def test_a_message_without_end_takes_no_memory_without_end(monkeypatch):
    """Fragments, each small, of one message: the connection ends at the limit."""
    monkeypatch.setattr(listen, "MOST", 2**20)
    sent = []

    def endless(handler):
        try:
            handler.wfile.write(frame(b"x", 0x01))
            while len(sent) < 1000:
                handler.wfile.write(frame(b"x" * 2**16, 0x00))
                sent.append(2**16)
        except OSError:
            pass

    with Stub(ws=endless) as stub:
        listener = Listener(Server(stub.address, timeout=3), "id")
        listener.connect()
        until = time.monotonic() + 30
        while listener.socket is not None and time.monotonic() < until:
            listener.receive()
        assert listener.socket is None
        assert sum(sent) < 40 * 2**20  # what the system's buffers take included
        listener.close()


def test_messages_that_nobody_takes_are_not_kept(monkeypatch):
    """While the client does something else it reads no more, so that the server has to wait."""
    sent = []

    def endless(handler):
        try:
            while len(sent) < 4000:
                handler.wfile.write(frame(b" " * 2**16))
                sent.append(2**16)
        except OSError:
            pass

    with Stub(ws=endless) as stub:
        listener = Listener(Server(stub.address, timeout=3), "id")
        listener.connect()
        before = -1
        while len(sent) != before:
            before = len(sent)
            time.sleep(0.5)
        assert sum(sent) < 40 * 2**20
        listener.close()


def many(count):
    """A history whose every prompt has so many pictures."""

    def history(handler, usual):
        for entry in usual.values():
            entry["outputs"]["3"]["images"] = [{"filename": f"{number}.png"} for number in range(count)]
        return 200, json.dumps(usual).encode()

    return history


@pytest.mark.parametrize(
    "limit, value, said",
    [
        ("MOST_FILES", 3, "2 more files of the job, which lists more than the 3 that are fetched"),
        (
            "MOST_BYTES",
            2 * len(PICTURE),
            f"'3.png' of node 'SaveImage', and what comes after it: the files of the job "
            f"before it have {3 * len(PICTURE)} bytes",
        ),
    ],
)
def test_the_files_of_a_job_are_bounded_with_a_message(limit, value, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(record, limit, value)
    with Stub(history=many(5)) as stub:
        assert queue(tmp_path, stub) == (0, JOBS)
    jobs = [json.loads(path.read_text()) for path in (tmp_path / "out/jobs").iterdir()]
    assert all(len(job["images"]) == 3 and job["left"] == [said] for job in jobs), jobs[0]["left"]
    assert said in capsys.readouterr().err


def test_the_files_of_a_job_share_a_deadline(tmp_path, monkeypatch, capsys):
    """A server that takes nearly the whole timeout for each file does not hold a job for as many times that."""
    monkeypatch.setattr(record, "SLOWEST", 0)  # a file earns no second more, to keep the test short
    slow = Stub(history=many(50), view=lambda handler, usual: time.sleep(0.3) or (200, usual))
    with slow:
        assert queue(tmp_path, slow, limit=1) == (2, 0)
    assert "does not answer /view within 1 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("authorities", "error"), [("no such file.pem", FileNotFoundError), (certifi.where(), TimeoutError)]
)
def test_where_tls_cannot_begin_nothing_stays_open(authorities, error):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(error) as kept:  # with it every frame of the attempt, and what they hold
            connect(f"https://127.0.0.1:{silent.getsockname()[1]}", Deadline(0.5), authorities)
        there, _ = silent.accept()
        with there:
            there.settimeout(5)
            while there.recv(4096):  # its greeting, if it came to that
                pass
    assert kept.type is error
