"""The addresses of servers, as the user gives them."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

DEFAULT = "http://127.0.0.1:8188"
EXPECTED = f"expected one like {DEFAULT}"


def parse(text: str) -> str:
    """``scheme://host:port/prefix`` of a --server value; the scheme may be missing, as may port and prefix.

    Raises ValueError for what is no such address, and for one with a user or password in it.

    >>> parse("gpu:8188/")
    'http://gpu:8188'
    """
    whole = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(whole)
        parts.port  # noqa: B018  raises for what is no port
    except ValueError as error:
        raise ValueError(f"--server {text!r}: {error}; {EXPECTED}") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("--server holds a user or password, which would be saved; expected a token in FSAMPLER_TOKEN")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"--server {text!r}; {EXPECTED}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def is_loopback(address: str) -> bool:
    """Is the server on this machine, so that nothing goes over a network?"""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_all(texts: Iterable[str] | None) -> list[str]:
    """Each address once, ``DEFAULT`` if there is none. Raises ValueError as ``parse`` does."""
    return list(dict.fromkeys(parse(text) for text in texts or [DEFAULT]))
