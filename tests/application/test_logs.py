"""Log lines as a machine reads them."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from application import logs

ORDER_ID = UUID(int=7)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_with_the_ids_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", process="api")
    with logs.context(request_id="r-1", correlation_id="c-1"):
        logs.logger("orders").info("order placed", order_id=ORDER_ID)
    logs.logger("orders").info("idle")
    placed, idle = lines(capsys)
    assert placed["event"] == "order placed"
    assert (placed["level"], placed["logger"], placed["process"]) == ("info", "orders", "api")
    assert (placed["request_id"], placed["correlation_id"], placed["order_id"]) == ("r-1", "c-1", str(ORDER_ID))
    assert placed["timestamp"].endswith("Z")
    assert "request_id" not in idle


def test_the_level_holds_for_libraries_too_and_their_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("WARNING", process="worker")
    logs.logger("orders").info("too much")
    logging.getLogger("dramatiq").info("too much")
    with logs.context(order_id="o-1"):
        logging.getLogger("dramatiq").warning("lost %s", "a message")
    [line] = lines(capsys)
    assert (line["event"], line["order_id"], line["process"]) == ("lost a message", "o-1", "worker")


def test_an_exception_is_one_line_without_the_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", process="worker")
    phone = "+351 900 000 000"
    try:
        raise LookupError("nobody answers")  # noqa: TRY301 - the traceback is what is looked at
    except LookupError:
        logs.logger("orders").exception("call failed", phone=phone)
    [line] = lines(capsys)
    assert "LookupError: nobody answers" in line["exception"]
    assert phone not in json.dumps(line)


def test_a_complaint_of_the_database_is_told_without_the_row_it_is_about(
    postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("INFO", process="projector")
    name = "Zulmira"
    engine = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"), hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE people (name text CONSTRAINT short CHECK (length(name) < 3))"))
        for statement in ("INSERT INTO people VALUES (:name)", "SELECT CAST(CAST(:name AS text) AS uuid)"):
            with connection.begin_nested() as savepoint:
                try:
                    connection.execute(text(statement), {"name": name})
                except DBAPIError:
                    logs.logger("projections").exception("projection stopped")
                savepoint.rollback()
    engine.dispose()
    broken, invalid = lines(capsys)
    assert "violates check constraint" in broken["exception"]
    assert "people.short" in broken["exception"]
    assert "InvalidTextRepresentation" in invalid["exception"]
    assert name not in json.dumps([broken, invalid])


def test_what_is_personal_is_blanked(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", process="api")
    logs.logger("orders").info("order placed", customer_name="Ana", address="Rua 1", lat=41.1, order_id=ORDER_ID)
    [line] = lines(capsys)
    assert line["order_id"] == str(ORDER_ID)
    assert "Ana" not in line.values()
    assert line["address"] == line["lat"] == "(personal)"
