"""The engine's report on a run, as JSON brings it back: what of it is read here, and of which types."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .text import cut

Count = Annotated[int, Field(ge=0, le=10**9)]


class Record(BaseModel):
    """One evaluation; a step of a solver with two stages has two. ``estimate`` may be infinite."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    step: Count
    kind: str
    reason: str = ""
    estimate: float | None = None


class Report(BaseModel):
    """A run: calls of the model that were made, of how many ``evaluations``. Other fields are kept as they are."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    calls: Count | None = None
    evaluations: Count | None = None
    sequence: str = ""
    records: list[Record] = []

    def to_dict(self) -> dict[str, Any]:
        """What the JSON said, no more."""
        return self.model_dump(exclude_unset=True)


def fault(error: ValidationError) -> str:
    """What is wrong with a report that is none, in a few words: the first field that is, and why."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return cut(f"{place}: {first['msg']}" if place else first["msg"], 200)
