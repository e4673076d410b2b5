"""Text that is safe to show: on a terminal, in an error message, on a page."""

import html
from typing import TextIO

LONGEST = 800  # characters of a line on a terminal, a few lines of it


def printable(line: str, stream: TextIO) -> str:
    """``line`` as ``stream`` can show it.

    Control characters (a terminal would obey them) and characters that the stream's encoding lacks become backslash
    escapes. A stream that names no encoding counts as UTF-8.
    """
    line = escaped(line)
    encoding = stream.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def escaped(line: str) -> str:
    """``line`` with control characters, line breaks among them, as backslash escapes."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def shown(line: str, stream: TextIO) -> str:
    """``line`` as one line of a terminal that is not longer than ``LONGEST`` before its escapes."""
    return printable(cut(line, LONGEST), stream)


def cut(text: str, most: int) -> str:
    """``text`` with so many characters at most; "..." stands for what was cut out of its middle.

    >>> cut("0123456789", 7)
    '01...89'
    """
    if len(text) <= most:
        return text
    half = (most - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def one_line(text: str) -> str:
    """``text`` with every run of blanks and line breaks as one blank."""
    return " ".join(text.split())


def escape(value: object) -> str:
    """``value`` as text for HTML and SVG, also inside the quotes of an attribute."""
    return html.escape(str(value), quote=True)


def number(value: float | None, digits: int) -> str:
    """``value`` with so many digits after the point, "-" for None."""
    return "-" if value is None else f"{value:.{digits}f}"
