"""File names of our own making: nothing in them comes through as a server, a node or a mode wrote it."""

import hashlib
import re


def slug(text: object) -> str:
    """Letters, digits and dashes that stand for a text: at most 49 of them, at least one.

    A text that cannot stand for itself (another alphabet, capital letters, too long) gets eight hex digits of its hash,
    so that different texts have different slugs.

    >>> slug("fast"), slug("h2/s3")
    ('fast', 'h2-s3-dd5b0911')
    """
    text = str(text)
    short = re.sub("[^A-Za-z0-9]+", "-", text)[:40].strip("-")
    if short and short == text and text == text.lower():  # some file systems take A and a for one
        return short
    digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{short}-{digits}".strip("-")
