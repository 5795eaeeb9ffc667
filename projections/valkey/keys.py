"""Names of keys and channels. `prefix` is `WorldSettings.prefix`: pub/sub does not tell database numbers apart."""

from uuid import UUID

import msgspec


class RegionKeys(msgspec.Struct, frozen=True):
    """The keys of one region; the braces keep them on one node of a cluster."""

    prefix: str
    region: str

    @property
    def free(self) -> str:
        """Geo set: drivers who can be offered an order, where they are."""
        return f"{self.prefix}{{{self.region}}}:free"

    @property
    def full(self) -> str:
        """Geo set: every other driver on shift with a place: at capacity, silent, suspended."""
        return f"{self.prefix}{{{self.region}}}:full"

    @property
    def due(self) -> str:
        """Sorted set: every driver on shift, by the business time to look whether they are silent."""
        return f"{self.prefix}{{{self.region}}}:due"

    @property
    def state(self) -> str:
        """Hash: driver → one row of text, laid out in `functions.lua`."""
        return f"{self.prefix}{{{self.region}}}:state"

    @property
    def board(self) -> str:
        """Hash: driver, on shift or not → `DriverFacts` as JSON."""
        return f"{self.prefix}{{{self.region}}}:board"

    @property
    def claims(self) -> str:
        """Hash: driver → the order that a search holds the driver for, and until when."""
        return f"{self.prefix}{{{self.region}}}:claims"

    @property
    def plan(self) -> str:
        """JSON: what the planner intends, as long as it lives; orders are left to it meanwhile."""
        return f"{self.prefix}{{{self.region}}}:plan"

    @property
    def members(self) -> str:
        """Hash: generation and log position of the rows above."""
        return f"{self.prefix}{{{self.region}}}:members"

    @property
    def written(self) -> tuple[str, ...]:
        """All of them, in the order that the functions which write membership take them."""
        return (self.members, self.state, self.free, self.full, self.due, self.board, self.claims)

    @property
    def positions_channel(self) -> str:
        """Channel: positions of drivers who carry orders, lines of `driver_id lat lon at_ms`."""
        return f"{self.prefix}live:positions:{self.region}"


def driver_regions(prefix: str) -> str:
    """Hash: driver → region, which never changes."""
    return f"{prefix}driver-regions"


def live_place(prefix: str) -> str:
    """Hash: how far the live projection has come."""
    return f"{prefix}{{live}}:place"


def live_tracks(prefix: str) -> str:
    """Hash: order that is not over → what its next message needs to know."""
    return f"{prefix}{{live}}:tracks"


def order_channel(prefix: str, order_id: UUID) -> str:
    """What happens to an order."""
    return f"{prefix}live:order:{order_id}"


def driver_channel(prefix: str, driver_id: UUID) -> str:
    """What happens to the orders that a driver is offered or carries."""
    return f"{prefix}live:driver:{driver_id}"


def restaurant_channel(prefix: str, restaurant_id: UUID) -> str:
    """What happens to a restaurant's orders."""
    return f"{prefix}live:restaurant:{restaurant_id}"


def resync_channel(prefix: str) -> str:
    """Tells every stream that messages were left out and that its reader must fetch anew."""
    return f"{prefix}live:resync"
