"""The workflow and the prompt in a PNG: its tEXt, zTXt and iTXt chunks of these names (PNG specification, 11.3.3).

Other texts are passed over and the picture itself is not decoded, so that no file takes more memory than ``MOST``.
"""

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORDS = (b"workflow", b"prompt")
MOST = 64 * 2**20  # bytes that these texts may have together, unpacked


def texts(data: bytes, name: str) -> dict[str, str]:
    """``{keyword: text}`` of the bytes of a PNG file, which begin with ``SIGNATURE``; of two of a name, the last.

    Raises ValueError if the file ends within a chunk, or a text cannot be unpacked or is too long; ``name`` is what the
    error calls it.
    """
    found, at, room = dict[str, str](), len(SIGNATURE), MOST
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 8
        if at + size > len(data):
            raise ValueError(f"{name} is cut off at byte {len(data)}; expected a whole PNG")
        keyword = data[at : at + min(size, 80)].partition(b"\0")[0]
        if kind in (b"tEXt", b"zTXt", b"iTXt") and keyword in KEYWORDS:
            try:
                text = _text(kind, data[at + len(keyword) + 1 : at + size], room)
            except (zlib.error, UnicodeDecodeError, IndexError):
                raise ValueError(f"{name} has a broken text chunk {keyword!r}; expected a whole PNG") from None
            if text is None:
                raise ValueError(f"{name} holds a workflow and a prompt of more than {MOST >> 20} MiB; expected less")
            room -= len(text)
            found[keyword.decode()] = text
        at += size + 4
        if kind == b"IEND":
            break
    return found


def _text(kind: bytes, rest: bytes, room: int) -> str | None:
    """The text in what follows the keyword of a chunk; None if it has more than ``room`` bytes."""
    packed, encoding = kind == b"zTXt", "latin-1"
    if kind == b"zTXt":
        rest = rest[1:]  # the method, of which there is one
    elif kind == b"iTXt":
        packed, encoding = rest[:1] == b"\1", "utf-8"
        rest = rest[2:].split(b"\0", 2)[2]  # after language and translated keyword
    if packed:
        rest = zlib.decompressobj().decompress(rest, room + 1)
    return rest.decode(encoding) if len(rest) <= room else None
