"""What a server answers, as typed records: the one place where its bytes become values.

A server may say anything. ``parse`` gives a record whose fields have the types below, or raises ``Gone``; behind it no
code has to ask again what a value is. pydantic does both steps in one: its parser ends at 200 levels of nesting,
refuses lone surrogates and numbers of thousands of digits, and its strict mode converts nothing. It is well kept, has
types, and ComfyUI requires it as well. msgspec was not taken because it refuses NaN, which the histories of good
servers hold (nodes that are always executed again say NaN); attrs with cattrs was not because it looks only at what
``json`` has made already, and ``json`` follows any nesting.

Fields that nobody reads are ignored. A field that may be missing has a default.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, StringConstraints, ValidationError

from ..text import cut
from .gone import Gone

Words = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Name = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{1,100}$")]  # it becomes a part of addresses
NodeId = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
Amount = Annotated[int, Field(ge=0, le=2**53)] | Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)]


class Answer(BaseModel):
    """A record of what a server said."""

    model_config = ConfigDict(strict=True, frozen=True)


class System(Answer):
    """What runs there."""

    comfyui_version: str = "of unknown version"
    argv: list[str] = []  # the command that started it


class SystemStats(Answer):
    """GET /system_stats."""

    system: System = System()


class ObjectInfo(RootModel[dict[str, Any]]):
    """GET /object_info/CLASS: the classes that are there; nothing in them is read."""


class ExtraInfo(Answer):
    """What an error is about."""

    input_name: Words = ""


class NodeError(Answer):
    """An error that is said of a node, or of the prompt as a whole."""

    message: Words = ""
    details: Words = ""
    extra_info: ExtraInfo = ExtraInfo()


class NodeErrors(Answer):
    """The errors of one node."""

    errors: list[NodeError] = []


class Submitted(Answer):
    """POST /prompt: the id of a prompt that was queued, or why it was not. Old versions say "no errors" with a list."""

    prompt_id: Name | None = None
    error: NodeError | str | None = None
    node_errors: Annotated[
        dict[str, NodeErrors], BeforeValidator(lambda value: {} if value == [] or value is None else value)
    ] = {}


class Event(Answer):
    """What a message in a history says; other fields are kept for the record."""

    model_config = ConfigDict(extra="allow")

    node_id: NodeId | None = None
    exception_type: Words = ""
    exception_message: Words = ""
    nodes: list[NodeId] = []
    timestamp: Amount | None = None  # milliseconds since 1970


class Status(Answer):
    """How a prompt went: ``messages`` are ``(kind, event)`` in their order; other fields are kept for the record."""

    model_config = ConfigDict(extra="allow")

    status_str: str | None = None
    messages: list[tuple[str, Event]] = []


class Entry(Answer):
    """What a history says of a prompt that has ended; ``outputs`` are what each node gave to the page."""

    outputs: dict[str, dict[str, Any]] = {}
    status: Status | None = None


class History(RootModel[dict[str, Entry]]):
    """GET /history/ID: the entry of that prompt, or nothing."""


class QueueState(Answer):
    """GET /queue: lists of ``[number, prompt id, ...]``."""

    queue_running: list[Annotated[list[Any], Field(min_length=2)]] = []
    queue_pending: list[Annotated[list[Any], Field(min_length=2)]] = []


class Listed(Answer):
    """A file that a node's output names, as /view takes it."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    subfolder: Annotated[Words, StringConstraints(max_length=4096)] = ""
    type: Annotated[Words, StringConstraints(max_length=4096)] = ""


class Message(Answer):
    """A message of the websocket; what is in it depends on its type."""

    type: str
    data: Any = None


class Heard(Answer):
    """What is read of the messages about a prompt."""

    prompt_id: str | None = None
    node: NodeId | None = None
    value: Amount | None = None  # the step, of ``max``
    max: Amount | None = None


Kind = TypeVar("Kind", bound=BaseModel)


def parse(kind: type[Kind], data: bytes | str, where: str) -> Kind:
    """The record in a JSON text; ``where`` says for the error what answered it. Raises ``Gone`` for what is none."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise _gone(error, where) from None


def check(kind: type[Kind], value: object, where: str) -> Kind:
    """The record in a value that a JSON text held. Raises ``Gone`` for what is none."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise _gone(error, where) from None


def _gone(error: ValidationError, where: str) -> Gone:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Gone(f"answers {where} with something else than JSON; expected a ComfyUI")
    place = ".".join(str(part) for part in first["loc"]) or "answer"
    return Gone(f"answers {where} with a wrong {cut(place, 80)}: {cut(first['msg'], 120)}; expected a ComfyUI")
