"""The files that a server's history lists, and the ending that each gets here: by its first bytes, not by its name."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from ..convert.links import Prompt
from ..data import as_list
from .answers import Listed

PICTURES = ("png", "jpg", "webp")  # what `fsampler compare` can compare
OURS = ("FSamplerReport", "FSamplerCompare")  # nodes whose pictures are charts, not results
HEAD = 64  # bytes that are enough to tell a kind
_KINDS = (  # at which byte, what is there, and the ending
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpg"),
    (8, b"WEBP", "webp"),
    (0, b"GIF8", "gif"),
    (0, b"fLaC", "flac"),
    (28, b"OpusHead", "opus"),
    (0, b"OggS", "ogg"),
    (8, b"WAVE", "wav"),
    (8, b"AVI ", "avi"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
    (4, b"ftypqt", "mov"),
    (4, b"ftypM4A", "m4a"),
    (4, b"ftypavif", "avif"),
    (4, b"ftyp", "mp4"),
    (0, b"glTF", "glb"),
    (8, b'{"', "safetensors"),
)
_RIFF = ("webp", "wav", "avi")


def ending(head: bytes) -> str:
    """The ending for a file that begins with these bytes, ``bin`` for a kind that is not known."""
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm" if b"webm" in head[:HEAD] else "mkv"
    for place, sign, kind in _KINDS:
        if head[place:].startswith(sign) and (kind not in _RIFF or head.startswith(b"RIFF")):
            return kind
    return "bin"


def listed(outputs: Mapping[str, Mapping[str, Any]], prompt: Prompt) -> Iterator[tuple[str, int, Listed]]:
    """``(node id, index, file)`` of each file in a history's outputs, each once and none of our own report nodes.

    ``images`` come first, so that the index of a picture is its place among them. What is no file is passed over: a
    node may tell the page anything.
    """
    for number, output in outputs.items():
        kind = (prompt.get(number) or {}).get("class_type", "")
        if kind in OURS:
            continue
        lists = [output[key] for key in sorted(output, key=lambda key: key != "images")]
        files = [_file(entry) for entries in lists for entry in as_list(entries)]
        for index, file in enumerate(dict.fromkeys(file for file in files if file and file.type != "input")):
            yield number, index, file


def _file(entry: object) -> Listed | None:
    try:
        return Listed.model_validate(entry)
    except ValidationError:
        return None
