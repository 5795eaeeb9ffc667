"""What a failure may tell: never the values that it failed over, which may be somebody's name or address.

PostgreSQL quotes the row that breaks a rule (`DETAIL: Failing row contains …`), and some messages the value itself.
"""

from collections.abc import Iterator

import psycopg
from sqlalchemy.exc import DBAPIError

DATA_EXCEPTION = "22"
"""The class of errors whose very message quotes a value."""


def told(error: BaseException) -> str:
    """Type and message; of the database's complaints type, message and what they are about."""
    complaint = _complaint(error)
    return (
        f"{type(error).__name__}: {error}" if complaint is None else f"{type(complaint).__name__}: {_what(complaint)}"
    )


def cleaned(text: str, error: BaseException) -> str:
    """A traceback of `error` without the values in it."""
    for one in _chain(error):
        complaint = _complaint(one)
        if complaint is not None and str(one):
            text = text.replace(str(one), _what(complaint))
    return text


def _complaint(error: BaseException) -> psycopg.Error | None:
    """What the server said; None for what did not come from it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause if isinstance(cause, psycopg.Error) and cause.sqlstate is not None else None


def _what(complaint: psycopg.Error) -> str:
    about = complaint.diag
    named = (about.schema_name, about.table_name, about.column_name, about.constraint_name)
    place = ".".join(name for name in named if name)
    message = "" if (complaint.sqlstate or "").startswith(DATA_EXCEPTION) else about.message_primary
    return " ".join(part for part in (message, f"({place or complaint.sqlstate})") if part)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
