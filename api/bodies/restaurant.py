"""Details, menu, and what the kitchen says about an order."""

from typing import Annotated

from msgspec import Meta

from api.types import (
    Address,
    Form,
    Name,
    OptionalSentence,
    Phone,
    PrepSeconds,
    PriceMinor,
    RadiusM,
    Sentence,
    Time,
    Word,
)


class Details(Form, frozen=True, kw_only=True):
    """What customers read about the restaurant, from now on."""

    name: Name
    address: Address
    phone: Phone
    cuisines: Annotated[tuple[Word, ...], Meta(max_length=10)]
    prep_seconds: PrepSeconds
    delivery_radius_m: RadiusM


class Pause(Form, frozen=True, kw_only=True):
    """Takes no orders until a time."""

    until: Time


class NewDish(Form, frozen=True, kw_only=True):
    """One dish; its price is in minor units of the region's currency."""

    name: Name
    description: OptionalSentence = ""
    category: Annotated[str, Meta(max_length=40)] = ""
    price_minor: PriceMinor


class NewDishes(Form, frozen=True, kw_only=True):
    """Several dishes at once."""

    items: Annotated[tuple[NewDish, ...], Meta(min_length=1, max_length=200)]


class Availability(Form, frozen=True, kw_only=True):
    """Whether a dish can be ordered."""

    available: bool


class Confirmation(Form, frozen=True, kw_only=True):
    """The restaurant's own estimate, if it differs from its usual time."""

    prep_seconds: PrepSeconds | None = None


class Rejection(Form, frozen=True, kw_only=True):
    """Why the restaurant refuses the order."""

    reason: Sentence
