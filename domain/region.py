"""A region: the city whose currency, local time, prices and dispatch rules an order lives under."""

from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from domain.geo import Position
from domain.scoring import PROFILES


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform adds to the food, in minor units and basis points (1/100 %)."""

    delivery_base_minor: int = 199
    delivery_per_km_minor: int = 60
    delivery_max_minor: int = 999
    service_bps: int = 500
    tax_bps: int = 1300
    driver_share_bps: int = 8000
    """The driver's part of the delivery fee; the tip is the driver's whole."""


class Travel(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a driver gets from one point to another before traffic."""

    speed_mps: float = 6.0
    detour_factor: float = 1.3
    """Road metres per metre as the crow flies."""


class Planning(msgspec.Struct, frozen=True, kw_only=True):
    """When orders queue, one plan for all of a region's orders and drivers replaces offers one by one."""

    every_seconds: float = 10.0
    """Business time from one plan to the next; on a fast clock at least a quarter of a real second."""
    from_load: float = 0.4
    """Orders that wait for their pick-up, per driver on shift, from which on plans are made; until half of it."""
    limit_seconds: float = 2.0
    """Machine time to search for a better plan, at most half of a window; what was found by then is done."""
    lead_seconds: float = 45.0
    """How long before the driver has to leave the offer goes out: time to answer, and for another to be asked."""
    most_orders: int = 150
    """So many orders are planned together; where more wait, the region is cut into districts."""


class Offers(StrEnum):
    """Whom a search asks."""

    SEQUENTIAL = "sequential"
    """The best driver, then the next one: nobody is asked in vain."""
    BROADCAST = "broadcast"
    """The best few at once: the first who accepts has the order."""


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """How drivers are found and asked."""

    profile: str = "seven_factor"
    """Of `domain.scoring.PROFILES`."""
    offers: Offers = Offers.SEQUENTIAL
    broadcast_drivers: int = 3
    """How many a broadcast asks at once; each counts as one of the `max_offers` of a round."""
    radii_m: tuple[float, ...] = (5_000.0, 10_000.0)
    candidates: int = 20
    max_offers: int = 5
    most_orders: int = 2
    """That a driver carries at once, whatever the driver's own capacity."""
    first_offer_seconds: float = 30.0
    next_offer_seconds: float = 20.0
    retry_seconds: float = 10.0
    settle_seconds: float = 1.0
    """From confirmation to the first search."""
    silent_seconds: float = 30.0
    silent_machine_seconds: float = 3.0
    restaurant_answer_seconds: float = 600.0
    """A placed order that the restaurant leaves unanswered this long is rejected by the system."""
    planning: Planning | None = None
    """None: orders are always offered one by one."""

    def __post_init__(self) -> None:
        """Refuse a profile that does not exist and a broadcast to nobody, as a ValueError that says so."""
        if self.broadcast_drivers < 1:
            raise ValueError(f"broadcast_drivers: ask at least one, not {self.broadcast_drivers}")
        if self.planning is not None and self.offers is Offers.BROADCAST:
            raise ValueError("planning asks one driver an order: set offers to sequential, or planning to null")
        if self.profile not in PROFILES:
            raise ValueError(f"unknown scoring profile {self.profile!r}: use one of {', '.join(PROFILES)}")


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that differs from city to city."""

    id: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{1,30}$")]
    name: str
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    timezone: str
    """IANA name; rush hours are local."""
    center: Position
    fees: Fees = Fees()
    travel: Travel = Travel()
    dispatch: Dispatch = Dispatch()

    def __post_init__(self) -> None:
        """Refuse a time zone that does not exist, as a ValueError that names it."""
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError) as error:
            raise ValueError(f"region {self.id!r}: unknown IANA time zone {self.timezone!r}") from error


PORTO = Region(
    id="porto",
    name="Porto",
    currency="EUR",
    timezone="Europe/Lisbon",
    center=Position(lat=41.1496, lon=-8.6110),
    dispatch=Dispatch(planning=Planning()),
)
"""The region that a fresh installation knows."""
