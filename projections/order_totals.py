"""How many orders and offers there are: the figures of metrics and of the progress table."""

import msgspec
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, Uuid, select

METADATA = MetaData(schema="order_totals")
COUNTS = Table(
    "counts",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
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


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """`reached` counts orders that ever came to a status; `active` those in it now and not over."""

    reached: dict[str, int]
    active: dict[str, int]
    offers: OfferTotals

    @property
    def by_status(self) -> dict[str, int]:
        """Orders by the status they are in now, those that are over included."""
        over = {status: self.reached.get(status, 0) for status in ("completed", "rejected", "cancelled")}
        return {status: count for status, count in (self.active | over).items() if count}


def totals(c: Connection) -> Totals:
    """All counts at once."""
    counts = {row.name: row.count for row in c.execute(select(COUNTS))}
    return Totals(
        reached=_under("reached.", counts),
        active=_under("active.", counts),
        offers=msgspec.convert(_under("offers.", counts), OfferTotals),
    )


def _under(prefix: str, counts: dict[str, int]) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}
