"""Why a restaurant, or an order from it, is refused."""

from uuid import UUID

from domain.errors import Conflict, InvalidInput


class RestaurantClosed(Conflict):
    """Takes no orders now: closed or paused."""

    def __init__(self, name: str, *, status: str) -> None:
        """`status` is "closed" or "paused"."""
        super().__init__(f"{name} is {status} and takes no orders now.", status=status)


class ItemUnavailable(InvalidInput):
    """An item that is not on the menu, or sold out."""

    def __init__(self, field: str, item_id: UUID, *, name: str | None) -> None:
        """`name` is the dish's name, or none when the menu does not know it."""
        said = f"There is no item {item_id} on the menu" if name is None else f"{name} is sold out"
        super().__init__(field, f"{said}; take it out of the order.")
        self.item_id = item_id


class OutOfDeliveryArea(InvalidInput):
    """The customer is farther away than the restaurant delivers."""

    def __init__(self, distance_m: float, radius_m: float) -> None:
        """Distances as the crow flies."""
        super().__init__(
            "dropoff.position",
            f"The address is {distance_m:,.0f} m away and the restaurant delivers up to {radius_m:,.0f} m.",
        )


class ItemExists(Conflict):
    """The item id is taken by another dish; ids are never used again."""
