"""Structured logs: one JSON object a line on standard error, with the ids that tie lines together.

Never put a name, phone, address, place or note in a log line: ids only. What slips in under such a key is blanked,
and of what the database complains about the values.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import structlog
from structlog.contextvars import bound_contextvars
from structlog.typing import ExcInfo, Processor, WrappedLogger

from projections.failures import cleaned

type Logger = structlog.stdlib.BoundLogger
type Line = MutableMapping[str, Any]

PERSONAL = frozenset({
    "name", "customer_name", "driver_name", "phone", "email", "address", "instructions", "notes", "note", "text",
    "lat", "lon", "ip", "password", "token",
})  # fmt: skip
QUIET = ("httpx", "asyncio", "urllib3")
"""Libraries that tell more than anybody asked, unless LOG_LEVEL is DEBUG."""


def configure(level: str, *, process: str) -> None:
    """Set up structlog and the standard library's logging; `level` as in LOG_LEVEL, `process` as in "api"."""

    def tell_process(_: WrappedLogger, __: str, line: Line) -> Line:
        line["process"] = process
        return line

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        tell_process,
        structlog.processors.ExceptionRenderer(_traceback),
        _blank_personal,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in QUIET:
        logging.getLogger(library).setLevel(level if level == "DEBUG" else "WARNING")


def logger(name: str) -> Logger:
    """A logger. Events are short phrases, everything else is a key: `log.info("order placed", order_id=order_id)`."""
    found: Logger = structlog.stdlib.get_logger(name)
    return found


def context(**ids: object) -> AbstractContextManager[None]:
    """Inside `with`, every line of this thread or task carries these: request_id, correlation_id, order_id."""
    return bound_contextvars(**ids)


def _traceback(exc_info: ExcInfo) -> str:
    error = exc_info[1]
    return cleaned("".join(traceback.format_exception(error)).rstrip("\n"), error)


def _blank_personal(_: WrappedLogger, __: str, line: Line) -> Line:
    for key in PERSONAL & line.keys():
        line[key] = "(personal)"
    return line


def _render(_: WrappedLogger, __: str, line: Line) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()
