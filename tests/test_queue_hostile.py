"""`fsampler queue` beside a server that says anything: that server is named, the healthy one does its jobs."""

import json
import os
import socket
import tempfile
import threading

import pytest
from comfyui_fsampler.tools.queueing.gone import Gone
from comfyui_fsampler.tools.queueing.refusal import Refused
from comfyui_fsampler.tools.queueing.server import Server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stub_server import CHUNKED, ENDPOINTS, JOBS, Stub, frame, queue


def entry(**changed):
    def answer(handler, usual):
        whole = {number: one | changed for number, one in usual.items()}
        return 200, json.dumps(whole).encode()

    return answer


def report(text):
    return lambda handler, usual: (
        200,
        json.dumps(
            {
                number: one | {"outputs": {key: {"text": [text]} for key in one["outputs"]}}
                for number, one in usual.items()
            }
        ).encode(),
    )


LATE = [["execution_start", {"timestamp": 0}], ["execution_success", {"timestamp": 10**400}]]
REFUSED = {"error": {"message": "no"}, "node_errors": {"2": {"errors": 5}}}
MALFORMED = {
    "errors that are no list": ({"prompt": lambda *_: (400, json.dumps(REFUSED).encode())}, "node_errors.2.errors"),
    "an id that leads elsewhere": ({"prompt": b'{"prompt_id": "../interrupt"}'}, "a wrong prompt_id"),
    "messages that are a number": ({"history": entry(status={"messages": 5})}, "status.messages"),
    "a kind that is a list": ({"history": entry(status={"messages": [[["a"], {}]]})}, "status.messages.0.0"),
    "a time with 400 digits": ({"history": entry(status={"status_str": "success", "messages": LATE})}, "timestamp"),
    "a report nested too deeply": ({"history": report("[" * 100_000)}, "wrong report of node 4"),
    "a report of 5000 digits": ({"history": report("1" * 5000)}, "wrong report of node 4"),
    "calls below nothing": ({"history": report('{"calls": -1}')}, "wrong report of node 4 (calls"),
    "half a surrogate pair": (
        {"history": b'{"a": {"outputs": {"1": {"text": "\\ud800"}}}}'},
        "something else than JSON",
    ),
    "thousands of digits": ({"system_stats": b'{"system": {}, "x": ' + b"1" * 5000 + b"}"}, "something else than JSON"),
    "many levels": ({"object_info": b'{"a":' * 100_000}, "something else than JSON"),
    "a version of thousands of digits": (
        {"system_stats": b'{"system": {"comfyui_version": "%s.1"}}' % (b"1" * 5000)},
        "runs ComfyUI",
    ),
    "a queue that is a number": (
        {"queue": b'{"queue_running": 5}', "history": b"{}", "ws": lambda _: None},
        "queue_running",
    ),
    "a message that is a number": ({"ws": lambda handler: handler.wfile.write(frame(b"5")), "history": b"{}"}, "/ws"),
    "a step that is no number": (
        {
            "ws": lambda handler: handler.wfile.write(frame(b'{"type": "progress", "data": {"value": 1e999}}')),
            "history": b"{}",
        },
        "/ws with a wrong value",
    ),
}


@pytest.mark.parametrize("odd, said", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_answer_is_its_servers_fault_alone(odd, said, beside):
    running = {"queue": b'{"queue_running": [[0, "other"]]}'} if "ws" in odd else {}
    told = beside(Stub(**running | odd))
    assert said in told, told


def test_all_servers_bad_is_exit_2_with_what_is_left(tmp_path, capsys):
    with Stub(history=b"[]") as bad:
        assert queue(tmp_path, bad) == (2, 0)
    err = capsys.readouterr().err
    assert f"{JOBS} of {JOBS} jobs are not done: {bad.address} answers /history with a wrong answer" in err
    assert "Traceback" not in err


KEYS = st.sampled_from(
    "system comfyui_version prompt_id error node_errors errors message details extra_info input_name outputs status "
    "status_str messages queue_running queue_pending type data node value max text images filename".split()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**4000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | KEYS, inner, max_size=4),
    max_leaves=12,
)
raw = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)


@settings(
    max_examples=int(os.environ.get("FSAMPLER_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(where=st.sampled_from([*ENDPOINTS, "ws", "entry"]), data=raw, status=st.sampled_from([200, 200, 400]))
def test_anything_at_all_from_one_server(where, data, status, capsys):
    """Any JSON and any bytes, at any endpoint and over the websocket: the healthy server does all jobs."""
    if where == "ws":
        odd = {"ws": lambda handler: handler.wfile.write(frame(data)), "history": b"{}"}
    elif where == "entry":  # of a prompt that has ended
        odd = {"history": lambda handler, usual: (200, b'{"%s": %s}' % ("".join(usual).encode() or b"-", data))}
    else:
        odd = {where: lambda *_: (status, data)}
    with tempfile.TemporaryDirectory() as folder, Stub(**odd) as bad, Stub() as good:
        assert queue(folder, bad, good) == (0, JOBS)
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out


@settings(max_examples=100, deadline=None)
@given(where=st.sampled_from(["check", "submit", "history", "place"]), data=raw)
def test_any_answer_is_a_record_or_the_server_is_gone(where, data):
    """The same without the command around it, so that many more answers are tried."""
    call = {
        "check": lambda server: server.check(["A"]),
        "submit": lambda server: server.submit({}, "id", "client"),
        "history": lambda server: server.history("id"),
        "place": lambda server: server.place("id"),
    }[where]
    with Raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)) as one:
        try:
            call(Server(one.address, timeout=2))
        except (Gone, Refused) as error:
            assert str(error) and "\n" not in str(error)


class Raw:
    """Says the same bytes to everybody, whatever they ask."""

    def __init__(self, said):
        self.said, self.door = said, socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                wire, _ = self.door.accept()
            except OSError:
                return
            with wire:
                wire.recv(2**16)
                try:
                    wire.sendall(self.said)
                    wire.shutdown(socket.SHUT_WR)
                    wire.recv(1)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()


@settings(max_examples=100, deadline=None)
@given(head=st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", CHUNKED]), rest=st.binary(max_size=60))
def test_any_bytes_for_http(head, rest):
    with Raw(head + rest) as one, pytest.raises(Gone):
        Server(one.address, timeout=2).history("id")


@pytest.mark.parametrize("size", [b"-5", b"%x" % 2**70, b"1" * 5000, b""])
def test_a_chunk_of_an_impossible_size(size):
    """Python's own reader takes a negative size for all that comes."""
    with Raw(CHUNKED + size + b"\r\n" + b"x" * 200_000) as one, pytest.raises(Gone):
        Server(one.address, timeout=2).history("id")
