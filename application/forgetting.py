"""Forgetting a person: nobody can log in as them any more, the key of their data is destroyed, read models erase it.

The order's money and times remain, and the log stays as it was, byte for byte. Every step may be repeated, so a run
that was interrupted is finished by another.
"""

import time
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import redis
from sqlalchemy import Connection, Row, text

from application import tracks
from application.bootstrap import Tiffin
from application.commands import EndShift
from application.commands.handlers.saving import begin
from application.context import Context
from application.execute import execute
from application.ids import new_id
from application.kinds import DRIVER, PRIVACY
from application.sessions import Sessions
from application.store import VersionConflict
from domain import privacy
from domain.errors import Conflict, NotFound
from domain.event import Meta, Role
from projections import positions

PATIENCE_SECONDS = 10.0
TRIES = 5
REWRITE_PAUSE_SECONDS = 1.0
"""Between two tries to have the append-only file rewritten."""
NOWHERE = -1
"""The position of a read model that no projector has made yet."""
FORGETTABLE = (Role.CUSTOMER, Role.DRIVER)
SHOWING = ("order_details", "order_lists", "order_timeline", "driver_board")
"""The read models that show personal data."""


class StillBusy(Conflict):
    """They have something under way that needs their data."""


class Forgotten(NamedTuple):
    """How forgetting went. `erased`: all read models have erased what they showed; else they will, once they run."""

    at: datetime
    before: bool
    """They had been forgotten before; whatever was missing was done now."""
    erased: bool
    rewritten: bool
    """Valkey writes its append-only file anew."""


def forget(tiffin: Tiffin, sessions: Sessions, subject_id: UUID) -> Forgotten:
    """Forget a customer or a driver, for good. Raises NotFound, StillBusy."""
    account = _account(tiffin, subject_id)
    role = Role(account.role)
    before = _forgotten_at(tiffin, subject_id)
    if before is None:
        _refuse_if_busy(tiffin, role, subject_id)
    _disable(tiffin, sessions, account.id)
    if before is None:
        # Something may have come in between; nothing can any more.
        try:
            _refuse_if_busy(tiffin, role, subject_id)
        except StillBusy:
            if account.disabled_at is None:
                _enable(tiffin, account.id)
            raise
    if role is Role.DRIVER and before is None:
        _end_shift(tiffin, subject_id)
    position = _record(tiffin, role, subject_id) if before is None else 0
    tiffin.keys.destroy(subject_id)
    _erase_account(tiffin, account.id, subject_id)
    with tiffin.engine.begin() as connection:
        tracks.erase(connection, subject_id)
    at = before or _forgotten_at(tiffin, subject_id) or tiffin.clock.now()
    return Forgotten(at, before is not None, _wait(tiffin, position or None), _rewrite_file(tiffin))


def stream_of(subject_id: UUID) -> UUID:
    """The stream that says that a person was forgotten: customers have no other."""
    return uuid5(subject_id, "forgotten")


def _forgotten_at(tiffin: Tiffin, subject_id: UUID) -> datetime | None:
    try:
        return tiffin.store.load(PRIVACY, stream_of(subject_id)).at
    except NotFound:
        return None


def _refuse_if_busy(tiffin: Tiffin, role: Role, subject_id: UUID) -> None:
    """Orders are asked of the read model, once it has seen everything that came before the account was closed."""
    if role is Role.DRIVER:
        if tiffin.store.load(DRIVER, subject_id).deliveries:
            raise StillBusy("This driver carries an order: let it be delivered, or unassign it, first.", status="busy")
        return
    if not _wait(tiffin, None):
        raise StillBusy("The read models lag behind; start `tiffin projector`, and try again.", status="unknown")
    with tiffin.reads.connect() as connection:
        order_id = connection.execute(_OPEN_ORDER, {"id": subject_id}).scalar()
    if order_id is not None:
        raise StillBusy(f"Order {order_id} is under way: let it be delivered, or cancel it, first.", status="open")


def _end_shift(tiffin: Tiffin, driver_id: UUID) -> None:
    """Nobody can do it for themselves any more."""
    context = Context(meta=Meta(correlation_id=str(new_id())), now=tiffin.clock.now())
    if tiffin.store.load(DRIVER, driver_id).on_shift:
        execute(tiffin, context, EndShift(driver_id=driver_id))


def _rewrite_file(tiffin: Tiffin) -> bool:
    """Have Valkey write its append-only file anew: it still tells of the sessions that were. False: it would not."""
    for _ in range(TRIES):
        try:
            tiffin.valkey.bgrewriteaof()
        except redis.ResponseError:
            # Another rewrite is under way, which may have begun too early.
            time.sleep(REWRITE_PAUSE_SECONDS)
        else:
            return True
    return False


def _record(tiffin: Tiffin, role: Role, subject_id: UUID) -> int:
    context = Context(meta=Meta(correlation_id=str(new_id())), now=tiffin.clock.now())
    events = privacy.forget(subject_id=subject_id, role=role)
    try:
        return begin(tiffin, context, stream_of(subject_id), events, status="forgotten").position
    except VersionConflict:
        # Somebody else did so at the same moment.
        return 0


def _wait(tiffin: Tiffin, position: int | None) -> bool:
    """Wait until what shows personal data has come to a position (default: the log's head of now), or not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with tiffin.reads.connect() as connection:
        upto = positions.head(connection) if position is None else position
        while not (there := _reached(connection) >= upto) and time.monotonic() < deadline:
            time.sleep(0.05)
    return there


def _reached(connection: Connection) -> int:
    reached = positions.everywhere(connection)
    return min(reached.get(name, NOWHERE) for name in SHOWING)


def _account(tiffin: Tiffin, subject_id: UUID) -> Row[Any]:
    with tiffin.engine.connect() as connection:
        account = connection.execute(_ACCOUNT, {"id": subject_id}).one_or_none()
    if account is None or account.role not in FORGETTABLE:
        raise NotFound("customer or driver", subject_id)
    return account


def _disable(tiffin: Tiffin, sessions: Sessions, account_id: UUID) -> None:
    with tiffin.engine.begin() as connection:
        connection.execute(_DISABLE, {"id": account_id, "now": tiffin.clock.machine_now()})
    sessions.revoke_all(account_id)


def _enable(tiffin: Tiffin, account_id: UUID) -> None:
    with tiffin.engine.begin() as connection:
        connection.execute(_ENABLE, {"id": account_id})


def _erase_account(tiffin: Tiffin, account_id: UUID, subject_id: UUID) -> None:
    """The row stays, so that the id means somebody; the address is free for a new account."""
    with tiffin.engine.begin() as connection:
        for statement in _ERASE:
            connection.execute(statement, {"id": account_id, "email": f"{subject_id}@forgotten.invalid"})


_ACCOUNT = text("SELECT id, role, disabled_at FROM accounts WHERE subject_id = :id")
_OPEN_ORDER = text("SELECT order_id FROM order_lists.orders WHERE customer_id = :id AND open LIMIT 1")
_DISABLE = text("UPDATE accounts SET disabled_at = coalesce(disabled_at, :now) WHERE id = :id")
_ENABLE = text("UPDATE accounts SET disabled_at = NULL WHERE id = :id")
_ERASE = (
    text("""
        UPDATE accounts SET email = :email, name = 'erased', phone = NULL, password_hash = '', registration_key = NULL
        WHERE id = :id
    """),
    text("DELETE FROM sessions WHERE account_id = :id"),
    text("DELETE FROM idempotency WHERE actor = CAST(:id AS text)"),
)
