"""File names of our own making: nothing in them comes through as a server, a node or a mode wrote it."""

import hashlib
import re


def slug(text):
    """Letters, digits and dashes that stand for a text; texts that differ have slugs that differ.

    A text that is not in that alphabet gets eight hex digits of its hash. At most 49 characters, never empty.
    """
    text = str(text)
    short = re.sub("[^A-Za-z0-9]+", "-", text)[:40].strip("-")
    if short and short == text and text == text.lower():  # some file systems take A and a for one
        return short
    digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{short}-{digits}".strip("-")
