"""What requests are made of: bounded texts, amounts and times. A value outside its bounds is a 422 that names it."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.errors import InvalidInput
from domain.geo import Latitude, Longitude, Position

type Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
type Word = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"\S")]
type Sentence = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
type OptionalSentence = Annotated[str, Meta(max_length=500)]
type Address = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"\S")]
type Phone = Annotated[str, Meta(min_length=3, max_length=30, pattern=r"^[0-9+() ./-]+$")]
type Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
type Password = Annotated[str, Meta(min_length=8, max_length=200)]
type AmountMinor = Annotated[int, Meta(ge=0, le=1_000_000)]
"""Minor units of the region's currency."""
type PriceMinor = Annotated[int, Meta(ge=1, le=1_000_000)]
type PrepSeconds = Annotated[int, Meta(ge=60, le=14_400)]
type RadiusM = Annotated[float, Meta(gt=0, le=50_000)]
type Limit = Annotated[int, Meta(ge=1, le=100)]
type Cursor = Annotated[str, Meta(min_length=1, max_length=300)]
type Time = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request body is: a field that nobody knows is a mistake to tell, not to skip."""


class Place(Form, frozen=True, kw_only=True):
    """A WGS84 point in degrees."""

    lat: Latitude
    lon: Longitude

    def position(self) -> Position:
        """As the domain has it."""
        return Position(self.lat, self.lon)


def in_utc(field: str, time: datetime, *number: int) -> datetime:
    """A time in UTC. Raises InvalidInput for one that no order can have; the field's {} stands for its number."""
    try:
        moment = time.astimezone(UTC)
    except OverflowError:
        moment = LATEST
    if not EARLIEST <= moment < LATEST:
        raise InvalidInput(field.format(*number), "Send a time between the years 2000 and 2199.")
    return moment
