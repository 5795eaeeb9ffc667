"""How many orders and offers there are: the figures of metrics and of the progress table."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, Uuid, select

from domain.event import Event
from domain.order import events
from projections import rows
from projections.connections import driver
from projections.log import Logged
from projections.order_steps import OVER, STATUS
from projections.projection import Projection

METADATA = MetaData(schema="order_totals")
COUNTS = Table(
    "counts",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 20},
)
ACTIVE = Table(
    "active",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("status", Text, nullable=False),
    postgresql_with={"fillfactor": 60},
)


class OfferTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Offers by how they ended."""

    made: int = 0
    accepted: int = 0
    declined: int = 0
    expired: int = 0
    withdrawn: int = 0


class BatchTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Second orders as they were accepted, and what going together was to save against one after the other."""

    orders: int = 0
    saved_m: int = 0
    saved_seconds: int = 0
    """The drivers' time."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """`reached` counts orders that ever came to a status; `active` those in it now, if anything can still happen."""

    reached: dict[str, int]
    active: dict[str, int]
    offers: OfferTotals
    batched: BatchTotals

    @property
    def by_status(self) -> dict[str, int]:
        """Orders by the status they are in now, those that are over included."""
        over = {status: self.reached.get(status, 0) for status in ("completed", "rejected", "cancelled")}
        return {status: count for status, count in (self.active | over).items() if count}


def totals(c: Connection) -> Totals:
    """All counts at once."""
    counts = {row.name: row.amount for row in c.execute(select(COUNTS))}
    return Totals(
        reached=_under("reached.", counts),
        active=_under("active.", counts),
        offers=msgspec.convert(_under("offers.", counts), OfferTotals),
        batched=msgspec.convert(_under("batched.", counts), BatchTotals),
    )


def _under(prefix: str, counts: dict[str, int]) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}


_OFFERS: dict[type[Event], str] = {
    events.DriverOffered: "offers.made",
    events.DriverAssigned: "offers.accepted",
    events.OfferDeclined: "offers.declined",
    events.OfferExpired: "offers.expired",
    events.OfferWithdrawn: "offers.withdrawn",
}


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Count what came and went; the statuses of active orders are kept to know where an order leaves from."""
    counts: Counter[str] = Counter()
    active = rows.Edits[UUID](ACTIVE)
    moved = [logged for logged in batch if type(logged.event) in STATUS]
    known = {logged.stream_id for logged in moved if logged.version > 1}
    now = dict(rows.fetch(connection, ACTIVE, "order_id", known, ("order_id", "status")))
    for logged in moved:
        order_id, status = logged.stream_id, STATUS[type(logged.event)]
        if order_id in now:
            counts[f"active.{now[order_id]}"] -= 1
        counts[f"reached.{status}"] += 1
        if status in OVER:
            now.pop(order_id, None)
            active.remove(order_id, {"order_id": order_id})
            continue
        row = {"order_id": order_id, "status": status}
        if order_id in now:
            active.change(order_id, {"order_id": order_id}, row)
        else:
            active.add(order_id, row)
        counts[f"active.{status}"] += 1
        now[order_id] = status
    counts.update(_OFFERS[type(logged.event)] for logged in batch if type(logged.event) in _OFFERS)
    for logged in batch:
        if isinstance(logged.event, events.DriverAssigned) and (found := logged.event.batch) is not None:
            counts.update(
                {
                    "batched.orders": 1,
                    "batched.saved_m": round(found.saved_m),
                    "batched.saved_seconds": round(found.saved_seconds),
                }
            )
    active.write(connection)
    _add(connection, counts)


PROJECTION = Projection("order_totals", METADATA, apply)


def _add(connection: Connection, counts: Counter[str]) -> None:
    # Also what came and went within the batch: which rows there are must not depend on where batches end.
    deltas = dict(sorted(counts.items()))
    if deltas:
        schema = rows.schema_of(connection, COUNTS)
        driver(connection).execute(
            f"INSERT INTO {schema}.counts AS t SELECT * FROM unnest(%s::text[], %s::bigint[]) "  # noqa: S608 - our own name
            "ON CONFLICT (name) DO UPDATE SET amount = t.amount + excluded.amount",
            (list(deltas), list(deltas.values())),
        )
