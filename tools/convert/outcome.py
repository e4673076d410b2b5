"""What a conversion did, as one line a node."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    changed: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def lines(self):
        return [*self.changed, *self.already, *(f"left alone: {line}" for line in self.left)]
