"""The texts in a PNG: tEXt, zTXt and iTXt chunks (PNG specification, 11.3.3); the picture itself is not decoded."""

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST = 256 * 2**20  # bytes a text may unpack to


def texts(data: bytes, name: str) -> dict[str, str]:
    """``{keyword: text}`` of the bytes of a PNG file, which begin with ``SIGNATURE``.

    Raises ValueError if the file ends within a chunk or a text cannot be unpacked; ``name`` is what the error calls it.
    """
    found, at = dict[str, str](), len(SIGNATURE)
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        if len(body) < size or len(kind) < 4:
            raise ValueError(f"{name} is cut off at byte {len(data)}; expected a whole PNG")
        keyword, _, rest = body.partition(b"\0")
        try:
            if kind == b"tEXt":
                found[keyword.decode("latin-1")] = rest.decode("latin-1")
            elif kind == b"zTXt":
                found[keyword.decode("latin-1")] = _unpack(rest[1:]).decode("latin-1")
            elif kind == b"iTXt":
                text = rest[2:].split(b"\0", 2)[2]
                found[keyword.decode("latin-1")] = (_unpack(text) if rest[:1] == b"\1" else text).decode()
        except (zlib.error, UnicodeDecodeError, IndexError):
            raise ValueError(f"{name} has a broken text chunk {keyword[:79]!r}; expected a whole PNG") from None
        at += size + 12
        if kind == b"IEND":
            break
    return found


def _unpack(packed: bytes) -> bytes:
    return zlib.decompressobj().decompress(packed, MOST)
