"""The converted workflow as JSON, and the file it goes to."""

import json
import os
from pathlib import Path
from typing import Any

from ..files import explained, write_file


def to_text(data: dict[str, Any], indent: int | None = None, encoding: str = "utf-8") -> str:
    """A workflow or prompt as JSON, ``indent`` blanks a level (None: all on one line).

    If there is a character that the encoding lacks (half a surrogate pair, say), all that are not ASCII are escaped.
    Raises ValueError for one that is nested too deeply.
    """
    try:
        text = json.dumps(data, ensure_ascii=False, indent=indent)
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(data, indent=indent)
    except RecursionError:
        raise ValueError("the workflow is nested too deeply to be written") from None
    return text


def default_out(path: str | Path, revert: bool) -> Path:
    """Where to write without ``-o``: beside the file, a.json and a.png to a.fsampler.json; when reverting, also
    a.fsampler.json to a.original.json."""
    path = Path(path)
    name = path.stem.removesuffix(".fsampler")
    return path.with_name(f"{name}.{'original' if revert else 'fsampler'}.json")


def write(text: str, out: str | Path, overwrite: bool) -> None:
    """Write the text and a line break to the path; a symbolic link is followed.

    Raises ValueError that names the path if that cannot be done, or if there is a file and not ``overwrite``; then
    nothing has changed.
    """
    out = Path(os.path.realpath(out))
    if out.exists():
        if not out.is_file():
            raise ValueError(f"cannot write {str(out)!r}: it is not a file; expected a path for one, or - for stdout")
        if not overwrite:
            raise ValueError(f"{str(out)!r} exists already; to overwrite it, name it with -o")
        if not os.access(out, os.W_OK):
            raise ValueError(f"cannot write {str(out)!r}: it is read-only; expected a path that can be written")
    with explained(repr(str(out)), "expected a path that can be written"):
        write_file(out, f"{text}\n".encode())
