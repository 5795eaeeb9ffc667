"""Baskets, orders, cancellations."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from api.types import Address, AmountMinor, Form, OptionalSentence, Place, Sentence
from domain.order.events import Dropoff
from domain.pricing import OrderLine


class BasketLine(Form, frozen=True, kw_only=True):
    """One item as asked for."""

    item_id: UUID
    quantity: Annotated[int, Meta(ge=1, le=50)]
    notes: OptionalSentence = ""


class DropoffPlace(Form, frozen=True, kw_only=True):
    """Where the order goes."""

    position: Place
    address: Address
    instructions: OptionalSentence = ""


class Basket(Form, frozen=True, kw_only=True):
    """What is wanted from one restaurant, brought where."""

    restaurant_id: UUID
    lines: Annotated[tuple[BasketLine, ...], Meta(min_length=1, max_length=100)]
    dropoff: DropoffPlace
    tip_minor: AmountMinor = 0

    def order_lines(self) -> tuple[OrderLine, ...]:
        """As the domain has them."""
        return tuple(OrderLine(item_id=line.item_id, quantity=line.quantity, notes=line.notes) for line in self.lines)

    def domain_dropoff(self) -> Dropoff:
        """As the domain has it."""
        place = self.dropoff
        return Dropoff(position=place.position.position(), address=place.address, instructions=place.instructions)


class NewOrder(Basket, frozen=True, kw_only=True):
    """A basket and how it is paid."""

    payment_method: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "card_ok"
    """The gateway's token for the card."""


class OwnCancellation(Form, frozen=True, kw_only=True):
    """Why the order is cancelled."""

    reason: Sentence


class Rating(Form, frozen=True, kw_only=True):
    """How the delivery was."""

    stars: Annotated[int, Meta(ge=1, le=5)]


class ReadUpTo(Form, frozen=True, kw_only=True):
    """The last message that was read."""

    position: Annotated[int, Meta(ge=0, le=2**62)]
