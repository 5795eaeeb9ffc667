"""Registration and log-in."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.types import Address, Email, Form, Name, Password, Phone, Place, PrepSeconds, RadiusM, Word
from domain.event import Role

type RegionId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,30}$")]


class DriverProfile(Form, frozen=True, kw_only=True):
    """What a driver says on joining. `capacity` is the most orders carried at once; the region may allow fewer."""

    region: RegionId
    vehicle: Word
    capacity: Annotated[int, Meta(ge=1, le=10)] = 2
    earnings_goal: Annotated[int, Meta(ge=0, le=200)] = 20
    """Deliveries a day the driver aims at."""


class RestaurantProfile(Form, frozen=True, kw_only=True):
    """What a restaurant says on joining."""

    region: RegionId
    position: Place
    address: Address
    cuisines: Annotated[tuple[Word, ...], Meta(max_length=10)]
    prep_seconds: PrepSeconds
    delivery_radius_m: RadiusM


class Registration(Form, frozen=True, kw_only=True):
    """A new account; a driver's or a restaurant's comes with its profile. Staff roles need an admin's session."""

    email: Email
    password: Password
    role: Literal["customer", "driver", "restaurant", "support", "auditor", "admin"]
    name: Name
    phone: Phone | None = None
    driver: DriverProfile | None = None
    restaurant: RestaurantProfile | None = None


class LogIn(Form, frozen=True, kw_only=True):
    """What a session is opened with."""

    email: Annotated[str, Meta(min_length=1, max_length=254)]
    password: Annotated[str, Meta(min_length=1, max_length=200)]


def without_password(registration: Registration) -> msgspec.Struct:
    """What may be hashed fast and stored: everything but the password."""
    return msgspec.structs.replace(registration, password="")


def role_of(registration: Registration) -> Role:
    """The role as the domain has it."""
    return Role(registration.role)
