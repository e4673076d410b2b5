"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib
import tempfile


def check_directory(directory, names):
    """Create ``directory`` and make sure that files of these names can be written. Raises ValueError otherwise."""
    directory = pathlib.Path(directory)
    with _as_value_error(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    for name in names:
        if (directory / name).is_dir():
            raise ValueError(f"cannot write {str(directory / name)!r}: it is a directory; expected a file or nothing")
    return directory


def write_files(directory, files):
    """Write ``{name: bytes}``: all into a hidden folder first, then each moved to its name in one step."""
    with _as_value_error(directory), tempfile.TemporaryDirectory(dir=directory, prefix=".writing-") as folder:
        for name, content in files.items():
            pathlib.Path(folder, name).write_bytes(content)
        for name in files:
            os.replace(pathlib.Path(folder, name), pathlib.Path(directory, name))


@contextlib.contextmanager
def _as_value_error(directory):
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"cannot write to {str(directory)!r}: {reason}; expected a writable directory") from error
