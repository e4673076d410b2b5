"""`fsampler queue` over https: a gate before a real server ends TLS, for HTTP and the websocket alike."""

import contextlib
import shutil
import ssl
import subprocess

import pytest
from comfyui_fsampler.tools.queueing.gone import Gone
from comfyui_fsampler.tools.queueing.listen import Listener
from comfyui_fsampler.tools.queueing.server import Server
from gate import Gate
from queueing import graph

if shutil.which("openssl") is None:
    pytest.skip("no openssl, which makes the certificates of these tests", allow_module_level=True)


class Encrypted(Gate):
    """Speaks TLS with the certificate and key in a folder, and passes on what is in it."""

    def __init__(self, server, folder):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.heads = []
        super().__init__(server)
        self.address = f"https://{self.address}"

    def serve(self, near):
        with contextlib.suppress(OSError):  # a client that does not trust us goes
            near = self.context.wrap_socket(near, server_side=True)
            head = self.head(near)
            self.heads.append(head)
            self.pass_on(near, head)


def certificate(folder, names="IP:127.0.0.1"):
    """A new self-signed one for these names, and its key."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=test",
            "-addext",
            f"subjectAltName={names}",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "certificate.pem",
        ],
        check=True,
        capture_output=True,
    )
    return folder / "certificate.pem"


@pytest.fixture(autouse=True)
def certificates(tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    return certificate(tmp_path)


@pytest.fixture
def encrypted(server, certificates, tmp_path):
    with Encrypted(server, tmp_path) as gate:
        yield gate


def test_a_certificate_in_ssl_cert_file_is_trusted(queue, encrypted, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates))
    monkeypatch.setenv("FSAMPLER_TOKEN", "t0ken-of-it")
    assert queue(graph(), [encrypted]) == 0
    jobs = queue.jobs()
    assert len(jobs) == 4 and {job["server"] for job in jobs.values()} == {encrypted.address}
    assert all(job["images"] and job["sampling_seconds"] for job in jobs.values())  # seen over the websocket
    paths = [head.split(b" ")[1].split(b"?")[0] for head in encrypted.heads]
    assert b"/ws" in paths and b"/system_stats" in paths
    assert all(b"authorization: bearer t0ken-of-it" in head.lower() for head in encrypted.heads)


def test_one_that_is_not_trusted_is_named_and_the_others_do_the_work(queue, encrypted, server, capsys):
    assert queue(graph(), [encrypted, server]) == 0
    said = capsys.readouterr()
    why = "has a certificate that is not trusted (self-signed certificate); to trust it, name it in SSL_CERT_FILE"
    assert said.err.splitlines()[0] == f"fsampler queue: {encrypted.address.removeprefix('https://')} {why}"
    assert f"gone: {encrypted.address} {why}" in said.out
    assert {job["server"] for job in queue.jobs().values()} == {server.url().rstrip("/")} and not encrypted.heads


def test_the_websocket_trusts_it_no_more(encrypted):
    with pytest.raises(Gone, match="websocket .SSLCertVerificationError"):
        Listener(Server(encrypted.address), "id").connect()
    assert not encrypted.heads


def test_alone_it_is_an_error_of_one_line(queue, encrypted, capsys):
    assert queue(graph(), [encrypted]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"fsampler: error: 4 of 4 jobs are not done: {encrypted.address} has a certificate")
    assert not queue.jobs() and not queue.started()


def test_a_certificate_for_another_host_is_not_trusted(queue, server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path, "DNS:elsewhere.example")))
    with Encrypted(server, tmp_path) as gate:
        assert queue(graph(), [gate]) == 2
    assert "not trusted (IP address mismatch, certificate is not valid for '127.0.0.1'" in capsys.readouterr().err


def test_https_to_a_server_without_it(queue, server, capsys):
    assert queue(graph(), [f"https://{server.address}"]) == 2
    assert "does not speak TLS" in (err := capsys.readouterr().err) and "is it an http:// server?" in err


@pytest.mark.parametrize(
    "content, why",
    [
        (None, "No such file or directory"),
        ("no certificate", "no certificate in it can be read"),
    ],
)
def test_a_wrong_ssl_cert_file_is_named(content, why, queue, server, tmp_path, monkeypatch, capsys):
    path = tmp_path / "trusted ü.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert queue(graph(), [server]) == 2
    assert f"SSL_CERT_FILE is {str(path)!r}: {why}; expected a file of trusted" in capsys.readouterr().err
