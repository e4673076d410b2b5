"""One request over HTTP and its answer, within a deadline. Only the named host is spoken to: no proxy, no redirect.

``http.client`` is used as it is, on a connection of ours: other packages set a timeout for each read only. An answer is
taken piece by piece, so that its size can be bounded, and is never unpacked.
"""

import contextlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from . import tls
from .deadline import Deadline, connect, port_of
from .gone import Gone

PIECE = 2**16  # bytes
_KEPT = "/%?=&:@!$'()*+,;~"  # what has a meaning in an address, beside letters and digits


@dataclass(frozen=True)
class Reply:
    """An answer: its status, and its body piece by piece."""

    status: int
    pieces: Iterator[bytes]


@contextlib.contextmanager
def asking(
    address: str,
    method: str,
    path: str,
    body: bytes | None,
    token: str | None,
    authorities: str,
    deadline: Deadline,
    most: int,
) -> Iterator[Reply]:
    """A block with the ``Reply`` to a request, of ``most`` bytes at most.

    Raises ``Gone``, and so does the iterator of the body: for a connection that fails, an answer that is none or too
    long, and at the deadline.
    """
    parts, short = urlsplit(address), f"/{path.partition('/')[0].partition('?')[0]}"
    headers = {"Connection": "close"} | ({"Authorization": f"Bearer {token}"} if token else {})
    headers |= {"Content-Type": "application/json"} if body is not None else {}
    connection = http.client.HTTPConnection(parts.hostname or "", port_of(address))
    connection.default_port = port_of(parts.scheme + "://")  # so that the header Host names any other
    with contextlib.ExitStack() as stack:
        with _faults(short, deadline):
            wire = stack.enter_context(connect(address, deadline, authorities))
            connection.sock = wire
            deadline.earn(len(body or b""))
            connection.request(method, quote(f"{parts.path}/{path}", safe=_KEPT), body, headers)
            response = stack.enter_context(connection.getresponse())
        yield Reply(response.status, _pieces(response, short, deadline, most))


def _pieces(response: http.client.HTTPResponse, short: str, deadline: Deadline, most: int) -> Iterator[bytes]:
    buffer, got = bytearray(PIECE), 0
    while True:
        with _faults(short, deadline):
            count = response.readinto(buffer)  # unlike read(), it takes no more than fits, whatever a chunk promises
        if not count:
            break
        got += count
        if got > most:
            raise Gone(f"answers {short} with more than {most >> 20} MiB")
        deadline.earn(count)
        yield bytes(buffer[:count])
    if response.length:
        raise Gone(f"breaks {short} off {response.length} bytes before its end")


@contextlib.contextmanager
def _faults(short: str, deadline: Deadline) -> Iterator[None]:
    """A block that speaks to a server: what goes wrong in it becomes ``Gone``."""
    try:
        yield
    except TimeoutError:
        raise Gone(f"does not answer {short} within {deadline.seconds:g} s") from None
    except OSError as error:
        raise Gone(tls.fault(error) or f"refuses or drops the connection ({type(error).__name__})") from None
    except (http.client.HTTPException, ValueError) as error:  # ValueError: of lengths and headers that are none
        raise Gone(f"breaks the connection ({type(error).__name__})") from None
