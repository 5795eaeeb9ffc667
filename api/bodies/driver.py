"""Pings and answers to offers."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from api.types import Form, OptionalSentence, Time, in_utc
from application.positions import Ping as DriverPing
from domain.errors import InvalidInput
from domain.geo import Latitude, Longitude, Position


class Ping(Form, frozen=True, kw_only=True):
    """A driver's device says where it is and when (business time)."""

    lat: Latitude
    lon: Longitude
    at: Time
    heading: Annotated[float, Meta(ge=0, le=360)] | None = None
    """Degrees clockwise from north."""
    speed_mps: Annotated[float, Meta(ge=0, le=200)] | None = None
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000)] | None = None


class Pings(Form, frozen=True, kw_only=True):
    """Either one position (`lat`, `lon`, `at` and what else `Ping` has), or several, oldest first, in `positions`."""

    lat: Latitude | None = None
    lon: Longitude | None = None
    at: Time | None = None
    heading: Annotated[float, Meta(ge=0, le=360)] | None = None
    speed_mps: Annotated[float, Meta(ge=0, le=200)] | None = None
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000)] | None = None
    positions: Annotated[tuple[Ping, ...], Meta(min_length=1, max_length=500)] | None = None

    def pings(self, driver_id: UUID) -> list[DriverPing]:
        """As the application takes them. Raises InvalidInput for neither or both."""
        if self.positions is not None:
            if self.lat is not None or self.lon is not None or self.at is not None:
                raise InvalidInput("positions", "Send one position in lat, lon and at, or several here, not both.")
            return [
                DriverPing(driver_id, Position(ping.lat, ping.lon), in_utc("positions[{}].at", ping.at, i))
                for i, ping in enumerate(self.positions)
            ]
        if self.lat is None or self.lon is None or self.at is None:
            field = next(name for name in ("lat", "lon", "at") if getattr(self, name) is None)
            raise InvalidInput(field, "Send lat, lon and at, or several positions in positions.")
        return [DriverPing(driver_id, Position(self.lat, self.lon), in_utc("at", self.at))]


class OfferRefusal(Form, frozen=True, kw_only=True):
    """Why the driver says no."""

    reason: OptionalSentence = ""
