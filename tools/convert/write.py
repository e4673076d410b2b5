"""A file appears whole or not at all: written beside its place and moved there."""

import contextlib
import json
import os
from pathlib import Path


def to_text(data, indent=None, encoding="utf-8"):
    """JSON; characters that the encoding lacks (half a surrogate pair, say) are escaped."""
    try:
        text = json.dumps(data, ensure_ascii=False, indent=indent)
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(data, indent=indent)
    except RecursionError:
        raise ValueError("the workflow is nested too deeply to be written") from None
    return text


def default_out(path, revert):
    """Beside the file: a.json or a.png -> a.fsampler.json, and a.fsampler.json -> a.original.json."""
    path = Path(path)
    name = path.stem.removesuffix(".fsampler")
    return path.with_name(f"{name}.{'original' if revert else 'fsampler'}.json")


def write(text, out, overwrite):
    """Write the text to the path. ValueError that names it if that cannot be done; then nothing has changed."""
    out = Path(os.path.realpath(out))
    if out.exists():
        if not out.is_file():
            raise ValueError(f"cannot write {str(out)!r}: it is not a file; expected a path for one, or - for stdout")
        if not overwrite:
            raise ValueError(f"{str(out)!r} exists already; to overwrite it, name it with -o")
        if not os.access(out, os.W_OK):
            raise ValueError(f"cannot write {str(out)!r}: it is read-only; expected a path that can be written")
    beside = out.with_name(f".fsampler-{os.getpid()}.tmp")
    try:
        with open(beside, "x", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        if out.exists():
            os.chmod(beside, out.stat().st_mode & 0o7777)
        os.replace(beside, out)
    except OSError as error:
        why = error.strerror or error
        raise ValueError(f"cannot write {str(out)!r}: {why}; expected a path that can be written") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)
