"""The connections that folds write through."""

from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url


def open_engine(database_url: str) -> Engine:
    """Connections for folds, each owned by one thread.

    Commits do not wait for the disk: rows and position are lost together in a crash, and come again from the log.
    """
    options = {
        "timezone": "UTC",
        "synchronous_commit": "off",
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "60s",
        "jit": "off",
    }
    return create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        # What a statement was given may be personal; errors end in logs and in tables.
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": "tiffin projector",
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )


def driver(connection: Connection) -> "psycopg.Connection[tuple[Any, ...]]":
    """The psycopg connection underneath, in the same transaction.

    Folds write through it: inside a pipeline (`projections.batches`) statements are sent without waiting for answers,
    which SQLAlchemy's own results would wait for.
    """
    underneath = connection.connection.driver_connection
    if not isinstance(underneath, psycopg.Connection):
        raise TypeError("projections need psycopg")
    return underneath
