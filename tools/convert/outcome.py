"""What a conversion did, as one line a node."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """The nodes that were changed, those that skip already, and those left as they are, each with the reason."""

    changed: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What to show to the user."""
        return [*self.changed, *self.already, *(f"left alone: {line}" for line in self.untouched)]


def name_of(kind: str, number: int | str, title: object) -> str:
    """What to call a node in a message: its class and id, and its title if that says more."""
    return f"{kind} {number}" + (f" {title!r}" if title and title != kind else "")
