"""One ComfyUI server: what is asked of it over HTTP. Nothing but the named host is spoken to: no proxy, no redirect."""

import io
import json
import re

import requests

from . import tls
from .refusal import Refused

OLDEST = (0, 3, 64)
CONNECT, ANSWER = 5, 60  # seconds
MOST_JSON, MOST_FILE = 512 * 2**20, 8 * 2**30  # bytes


class Gone(Exception):
    """A server that died, hangs, or cannot be used at all; the text says which."""


class Server:
    """``timeout`` is in seconds; after that long without an answer it counts as hung."""

    def __init__(self, address, token=None, timeout=ANSWER):
        self.address, self.timeout = address, timeout
        self.name = address.partition("://")[2]
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy or .netrc of the environment is no host that the user named
        self.authorities = self.session.verify = tls.authorities()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def check(self, kinds):
        """Can it run nodes of these classes? Raises ``Gone`` that says why not."""
        found = self._json("GET", "system_stats").get("system")
        version = str((found if isinstance(found, dict) else {}).get("comfyui_version", "of unknown version"))
        if version_of(version) < OLDEST:
            raise Gone(f"runs ComfyUI {version}; expected {'.'.join(map(str, OLDEST))} or newer")
        missing = [kind for kind in kinds if kind not in self._json("GET", f"object_info/{kind}")]
        if missing:
            raise Gone(f"ComfyUI {version} there has no node {', '.join(missing)}; expected this pack, up to date")

    def submit(self, prompt, prompt_id, client_id):
        """Queue a prompt; the id it really has, and what the server will leave out of it. Raises ``Refused``."""
        body = json.dumps({"prompt": prompt, "prompt_id": prompt_id, "client_id": client_id}).encode()
        answer = self._json("POST", "prompt", body, accept=(200, 400))
        if "prompt_id" not in answer:
            raise Refused(answer, prompt)
        return str(answer["prompt_id"]), Refused(answer, prompt).lines if answer.get("node_errors") else []

    def history(self, prompt_id):
        """The history's entry of a prompt that has ended, else None."""
        entry = self._json("GET", f"history/{prompt_id}").get(prompt_id)
        return entry if isinstance(entry, dict) else None

    def place(self, prompt_id):
        """``running``, ``pending``, or None for a prompt it has not got (any more)."""
        queue = self._json("GET", "queue")
        for key in ("running", "pending"):
            items = queue.get(f"queue_{key}")
            if any(isinstance(item, list) and prompt_id in item[1:2] for item in items or []):
                return key
        return None

    def cancel(self, prompt_id):
        """Ask it not to run a prompt (any further); without regard to whether it hears."""
        for path, body in (("queue", {"delete": [prompt_id]}), ("interrupt", {"prompt_id": prompt_id})):
            try:
                self.session.post(f"{self.address}/{path}", json=body, timeout=2, allow_redirects=False)
            except requests.RequestException:
                return

    def view(self, file, sink):
        """Write a file that the history names to ``sink``; False if the server does not give it."""
        return self._ask("GET", "view", params=file, sink=sink, most=MOST_FILE)

    def _json(self, method, path, body=None, accept=(200,)):
        answer = io.BytesIO()
        self._ask(method, path, body, accept=accept, sink=answer, most=MOST_JSON)
        try:
            value = json.loads(answer.getvalue())
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Gone(f"answers /{path.partition('/')[0]} with something else than JSON; expected a ComfyUI")
        return value

    def _ask(self, method, path, body=None, params=None, accept=None, *, sink, most):
        """Write the answer to ``sink``. With ``accept`` another status is an error, without it False."""
        times = min(CONNECT, self.timeout), min(ANSWER, self.timeout)
        short = f"/{path.partition('/')[0]}"
        try:
            with self.session.request(
                method,
                f"{self.address}/{path}",
                data=body,
                params=params,
                timeout=times,
                stream=True,
                allow_redirects=False,
                headers={"Content-Type": "application/json"} if body else None,
            ) as answer:
                status = answer.status_code
                if accept is None and status not in (200, 401):
                    return False
                if status in (401, 403):
                    wants = "does not accept the token in" if self.token else "wants a token; set"
                    raise Gone(f"answers {status}: {wants} FSAMPLER_TOKEN")
                if status not in (accept or (200,)):
                    raise Gone(f"answers {short} with status {status}")
                got = 0
                for part in answer.iter_content(2**16):
                    got += len(part)
                    if got > most:
                        raise Gone(f"answers {short} with more than {most >> 20} MiB")
                    sink.write(part)
                promised = answer.headers.get("Content-Length", "")
                if promised.isdecimal() and int(promised) != got and "Content-Encoding" not in answer.headers:
                    raise Gone(f"breaks {short} off after {got} of {promised} bytes")
                return True
        except requests.Timeout:
            raise Gone(f"does not answer {short} within {times[1]:g} s") from None
        except requests.RequestException as error:
            verb = "refuses or drops" if isinstance(error, requests.ConnectionError) else "breaks"
            raise Gone(tls.fault(error) or f"{verb} the connection ({type(error).__name__})") from None


def version_of(text):
    """``(0, 3, 64)`` of "0.3.64" or "v0.3.64-2-gabc"; what is no version counts as oldest."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()
