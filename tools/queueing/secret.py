"""The bearer token: sent to servers, and taken out of everything that they say.

It is taken out where answers come in, so that it can reach neither terminal nor disk from there, in whatever way it is
spelt: as it is, with the escapes of JSON, of JSON within JSON, or of an address. A token for which other text would be
taken, such as a word of every answer, is refused before anything is sent.
"""

import re
from typing import Any, TypeVar

NAME = "FSAMPLER_TOKEN"  # of the environment variable
SHORTEST = 8  # characters
MASK = "***"
_WORDS = (  # of answers and job files, which could not be read without them
    "comfyui_version completed display_node evaluations exception_message exception_type execution_cached "
    "execution_error execution_interrupted execution_start execution_success extra_info filename input_name messages "
    "node_errors node_id outputs prompt_id queue_pending queue_running records sampling_seconds sequence status_str "
    "subfolder timestamp FSamplerModel FSamplerReport PreviewAny fsampler_json_ fsampler_report_ estimate"
)
Text = TypeVar("Text", str, bytes)


class Secret:
    """A token, or none. Raises ValueError for one that cannot be sent, or not be told from other text."""

    def __init__(self, token: str | None) -> None:
        self.token = token or None
        if not token:
            return
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise ValueError(f"{NAME} holds blanks or other characters that no token has")
        if len(token) < SHORTEST or token in _WORDS:
            why = f"has {len(token)} characters" if len(token) < SHORTEST else "is a word of ComfyUI's answers"
            raise ValueError(f"{NAME} {why}, so that it could not be masked; expected {SHORTEST} or more, at random")
        pattern = "".join(map(_spellings, token))
        self._text, self._bytes = re.compile(pattern), re.compile(pattern.encode())

    def mask(self, said: Text) -> Text:
        """A text or bytes with ``MASK`` in place of the token."""
        if self.token is None:
            return said
        if isinstance(said, bytes):
            return self._bytes.sub(MASK.encode(), said)
        return self._text.sub(MASK, said)

    def mask_all(self, value: Any) -> Any:
        """A value of JSON with the token masked in all its texts and keys."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return {self.mask(key): self.mask_all(inner) for key, inner in value.items()}
        return [self.mask_all(inner) for inner in value] if isinstance(value, list | tuple) else value


def _spellings(letter: str) -> str:
    """A pattern for every way in which a letter may stand in JSON or in an address."""
    code = f"{ord(letter):02x}"
    hexes = "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in code)
    escapes = r"\\{0,4}" if letter in '"\\/' else ""
    return rf"(?:{escapes}{re.escape(letter)}|\\{{1,4}}u00{hexes}|%{hexes})"
