"""What a server says reaches terminal and disk without the token, without control characters, and in a few lines."""

import json
from urllib.parse import quote

import pytest
from comfyui_fsampler.tools.queueing.plan import QueueJob
from comfyui_fsampler.tools.queueing.secret import Secret
from comfyui_fsampler.tools.queueing.store import Store
from hypothesis import given, settings
from hypothesis import strategies as st
from stub_server import JOBS, Stub, queue

TOKEN = 'tok-SECRET/8f3a\\91"c2'


def failing(message):
    """A server on which every prompt fails with this message."""

    def history(handler, usual):
        said = ["execution_error", {"node_id": "2", "exception_type": "E", "exception_message": message}]
        for entry in usual.values():
            entry["status"] = {"status_str": "error", "messages": [said]}
        return 200, json.dumps(usual).encode()

    return Stub(history=history)


@pytest.mark.parametrize(
    "message",
    ["\x1b]0;title\x07\x1b[31mred\u202e", "x" * 2_000_000, "line\n" * 10_000, "\r\x08\x9b2J\u2028"],
    ids=["escapes", "length", "lines", "other controls"],
)
def test_a_message_is_printable_and_a_few_lines_long(message, tmp_path, capsys):
    with failing(message) as bad:
        assert queue(tmp_path, bad) == (2, 0)
    said = capsys.readouterr().err
    assert all(letter.isprintable() or letter == "\n" for letter in said)
    assert max(map(len, said.split("\n"))) <= 4000 and said.count("\n") < 10 and "node 'KSampler' (2): E: " in said


@settings(deadline=None, max_examples=50)
@given(st.text('abcXYZ019-._~+/="', min_size=12), st.data())
def test_every_spelling_is_masked(token, data):
    def escaped(letter):
        code = ord(letter)
        return data.draw(
            st.sampled_from([letter, f"\\u{code:04x}", f"\\u{code:04X}", f"\\\\u{code:04x}", f"%{code:02X}"])
        )

    secret = Secret(token)
    spellings = [token, json.dumps(token)[1:-1], json.dumps(json.dumps(token))[3:-3], quote(token, safe="")]
    for said in [*spellings, "".join(map(escaped, token))]:
        assert secret.mask(f"<{said}>") == "<***>" and secret.mask(f"<{said}>".encode()) == b"<***>"


def test_other_text_is_left_as_it_is():
    said = json.dumps({"text": "tok-SECRET", "path": "C:\\\\tok", "more": 8})
    assert Secret(TOKEN).mask(said) == said == Secret(None).mask(said)


def test_masking_takes_time_in_proportion():
    """A long run of what a spelling may begin with, which a pattern might try again from each place."""
    assert Secret(TOKEN).mask("\\" * 2_000_000 + "%5c" * 1000).startswith("\\\\")


def test_a_token_that_a_server_says_back_is_nowhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FSAMPLER_TOKEN", TOKEN)
    told = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)

    def history(handler, usual):
        for entry in usual.values():
            entry["outputs"]["3"]["images"][0]["filename"] = f"{TOKEN}.png"
            entry["outputs"][TOKEN] = {"text": [TOKEN, json.dumps(TOKEN)]}
        return 200, json.dumps(usual).replace(json.dumps(TOKEN)[1:-1], told).encode()

    with Stub(history=history) as good, failing(f"your token {TOKEN}") as bad:
        assert queue(tmp_path, bad, good) == (0, JOBS)
    said = capsys.readouterr()
    spelt = (TOKEN, told, json.dumps(TOKEN)[1:-1])
    texts = [path.read_text(errors="replace") for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [one for one in spelt for text in (said.out, said.err, *texts) if one in text]
    assert any("***.png" in text for text in texts)


@pytest.mark.parametrize(
    "token", ["images", "mode", "1", "prompt_id", "status_str", "sequence", "a b-long-token", "ü-token-long"]
)
def test_a_token_that_other_text_would_be_taken_for_is_refused(token, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FSAMPLER_TOKEN", token)
    with Stub() as stub:
        assert queue(tmp_path, stub) == (2, 0) and not stub.prompts
    assert "FSAMPLER_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["balanced", 'ab"cd12345', "a\\bc12345"])
def test_a_job_file_is_whole_whatever_the_token(token, tmp_path):
    """A token may be the name of a mode, which is ours to say."""
    (tmp_path / "started").mkdir()
    store, job = Store(tmp_path, token), QueueJob("balanced", 1)
    store.begin(job, "http://a", f"id {token}")
    kept = json.loads((tmp_path / f"started/{job.key}.json").read_text())
    assert kept == {"server": "http://a", "prompt_id": "id ***"}
