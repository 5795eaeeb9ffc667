"""A restaurant with three dishes, as histories."""

from uuid import UUID

from domain import restaurant
from domain.event import Event
from domain.geo import Position
from domain.restaurant import Restaurant
from tests.domain.scenario import Given, fold

SOUP, FISH, CAKE = UUID(int=0xA1), UUID(int=0xA2), UUID(int=0xA3)
AT = Position(lat=41.1496, lon=-8.6110)

REGISTERED = restaurant.Registered(
    name="Tasca do Bolhão",
    region="porto",
    position=AT,
    address="Rua Formosa 1, Porto",
    phone="+351 220 000 000",
    cuisines=("portuguese",),
    prep_seconds=900,
    delivery_radius_m=5_000.0,
)


def dish(item_id: UUID, name: str, price_minor: int) -> restaurant.MenuItemAdded:
    return restaurant.MenuItemAdded(
        item_id=item_id, name=name, description="", category="food", price_minor=price_minor
    )


MENU: tuple[Event, ...] = (
    REGISTERED,
    dish(SOUP, "Caldo verde", 450),
    dish(FISH, "Bacalhau à Brás", 1_295),
    dish(CAKE, "Pastel de nata", 165),
)
OPEN: tuple[Event, ...] = (*MENU, restaurant.Opened())


def given(*history: Event) -> Given[Restaurant]:
    return Given(kitchen(*history))


def kitchen(*history: Event) -> Restaurant:
    return fold(restaurant.evolve, history)
