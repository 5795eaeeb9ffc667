"""Refusals that every aggregate shares. They carry no HTTP status."""

from uuid import UUID


class Refusal(Exception):  # noqa: N818 - the field's word: a command is refused, nothing broke
    """A command that the rules do not allow; the message says why and, where there is one, the way out."""


class NotFound(Refusal):
    """No such stream, or not one that the actor may know about."""

    def __init__(self, kind: str, key: UUID | str) -> None:
        """`kind` is the aggregate's name, as in "order"."""
        super().__init__(f"There is no {kind} {key}.")
        self.kind = kind
        self.key = key


class InvalidInput(Refusal):
    """A value that cannot be used; `field` names it as the caller knows it."""

    def __init__(self, field: str, message: str) -> None:
        """`message` says what to send instead."""
        super().__init__(message)
        self.field = field


class Conflict(Refusal):
    """The command does not fit the current state; `status` says what that is."""

    def __init__(self, message: str, *, status: str) -> None:
        """`status` is the current status in the API's words."""
        super().__init__(message)
        self.status = status
