"""Structured logs: one JSON object a line on standard error, with the ids that tie lines together.

Never put a name, phone, address, position or note in a log line: ids only.
"""

import logging
import sys

import structlog
from structlog.contextvars import bound_contextvars

type Logger = structlog.stdlib.BoundLogger


def configure(level: str, *, process: str) -> None:
    """Set structlog and the standard library's logging up; `level` as in LOG_LEVEL, `process` as in "api"."""


def logger(name: str) -> Logger:
    """Return a logger; events are short phrases, everything else is a key: `log.info("order placed", order_id=…)`."""
    return structlog.stdlib.get_logger(name)


def context(**ids: object) -> object:
    """Bind ids (request_id, correlation_id, order_id) to every line logged inside `with context(…):`."""
    return bound_contextvars(**ids)
