"""What a report tells the user beside its figures: a sentence, and a code that stays the same when the words change.

Every code is explained on the page docs/notes.md: what set it off, and what to do.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Code = Literal[
    "adds-noise",
    "another-cache",
    "another-fsampler",
    "answer-not-a-latent",
    "close-sigmas",
    "guidance-memory",
    "latent-changed",
    "little-skipped",
    "no-report",
    "no-run",
    "not-recorded",
    "nothing-skipped",
    "parts-unknown",
    "plan-elsewhere",
    "plan-refused",
    "plan-set-aside",
    "plan-unrecorded",
    "sampler-refused",
    "sampler-unknown",
    "sampler-wrapped",
    "schedule-refused",
    "short-run",
    "sigma-rises",
    "told-sigma",
    "too-few-steps",
    "unrelated-latents",
    "values-too-large",
]
CODES: tuple[str, ...] = get_args(Code)


@dataclass(frozen=True)
class Note:
    """A remark for the user: ``code``, one of ``CODES``, and ``text``, a sentence without a full stop.

    >>> str(Note("adds-noise", "the sampler adds noise")), Note("adds-noise", "the sampler adds noise").code
    ('the sampler adds noise', 'adds-noise')
    """

    code: Code
    text: str

    def __str__(self) -> str:
        return self.text

    def in_full(self, what: str) -> "Note":
        """The note of a run, or the rest of one, that is in full for the reason that this one gives.

        >>> str(Note("sigma-rises", "sigma rises").in_full("the rest of the run is"))
        'the rest of the run is in full: sigma rises'
        """
        return Note(self.code, f"{what} in full: {self.text}")
