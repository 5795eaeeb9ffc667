"""An invented city in the middle of its dinner rush: everything drawn from one seed."""

from math import hypot
from random import Random

from simulation.geometry import Degrees, LocalPlane, Point
from simulation.scenario import (
    Dish,
    DriverPlan,
    Moment,
    Movement,
    OrderPlan,
    RestaurantPlan,
    Scenario,
    Silence,
)

DEFAULT_SEED = 20_260
CITY_RADIUS_M = 2_600.0
MOST_CUSTOMERS = 160
RUSH_SECONDS = 75 * 60.0

PEAK_SHARE = 0.5
DECLINE_RATE = 0.17
LATE_KITCHEN_RATE = 0.10
REJECTED_RATE = 0.02
CANCELLED_RATE = 0.05
WATCHED_RATE = 0.10

SILENCES = (
    Silence(moment=Moment.OFFERED, after_seconds=900, for_seconds=600),
    Silence(moment=Moment.OFFERED, after_seconds=2_400, for_seconds=480),
    Silence(moment=Moment.TO_RESTAURANT, after_seconds=1_200, for_seconds=540),
    Silence(moment=Moment.TO_RESTAURANT, after_seconds=2_700, for_seconds=600),
    Silence(moment=Moment.CARRYING, after_seconds=1_500, for_seconds=480),
)
"""Long enough to be noticed at any speed up to 100: a driver is silent after 3 s of machine time at the least."""

FIRST_NAMES = ("Ana", "Bruno", "Carla", "Diogo", "Elsa", "Filipe", "Gina", "Hugo", "Inês", "João", "Lara", "Marco")
LAST_NAMES = ("Almeida", "Barros", "Costa", "Dias", "Esteves", "Ferreira", "Gomes", "Lopes", "Matos", "Pinto", "Reis")
KITCHENS = {
    "portuguese": ("Bacalhau à Brás", "Francesinha", "Caldo verde", "Polvo à lagareiro", "Bifana"),
    "indian": ("Dal makhani", "Chicken tikka", "Palak paneer", "Lamb biryani", "Garlic naan"),
    "italian": ("Margherita", "Carbonara", "Lasagne", "Risotto ai funghi", "Tiramisù"),
    "japanese": ("Salmon nigiri", "Tonkotsu ramen", "Gyoza", "Chicken katsu", "Miso soup"),
    "vegan": ("Falafel bowl", "Lentil burger", "Tofu curry", "Beetroot salad", "Oat brownie"),
}
PLACES = ("Casa", "Cozinha", "Tasca", "Mesa", "Forno", "Jardim", "Porta", "Ponte")
QUALITIES = ("Velha", "Nova", "do Rio", "da Sé", "Verde")


def dinner_rush(
    *,
    center: tuple[float, float],
    region: str,
    timezone: str,
    metres_per_second: float,
    seed: int = DEFAULT_SEED,
    restaurants: int = 40,
    drivers: int = 80,
    customers: int | None = None,
    orders: int = 420,
    rush_seconds: float = RUSH_SECONDS,
) -> Scenario:
    """Invent a city and its evening around `center` (lat, lon); the same arguments give the same evening.

    Without a number of `customers` there is one per order, at most 160: some order again.
    """
    customers = min(orders, MOST_CUSTOMERS) if customers is None else customers
    rng = Random(f"tiffin:{seed}")  # noqa: S311 - a game, not a secret
    return Scenario(
        title=f"dinner rush in {region.capitalize()}",
        region=region,
        timezone=timezone,
        plane=LocalPlane(Degrees(*center)),
        movement=Movement(metres_per_second=metres_per_second, pickup_seconds=60, dropoff_seconds=60),
        customers=tuple(_person(rng) for _ in range(customers)),
        restaurants=tuple(_restaurant(rng, index) for index in range(restaurants)),
        drivers=tuple(_driver(rng, index, drivers) for index in range(drivers)),
        orders=tuple(_order(rng, at, customers) for at in _rush_hours(rng, orders, rush_seconds)),
        ends_at_seconds=rush_seconds,
        seed=seed,
    )


def _rush_hours(rng: Random, count: int, rush_seconds: float) -> list[float]:
    """Draw when orders come: a peak in the middle (triangular on top of even)."""
    return sorted(
        rng.triangular(0, rush_seconds) if rng.random() < PEAK_SHARE else rng.uniform(0, rush_seconds)
        for _ in range(count)
    )


def _order(rng: Random, at_seconds: float, customers: int) -> OrderPlan:
    answer = rng.uniform(5, 45)
    told = rng.randrange(300, 780, 60)
    late = rng.uniform(300, 720) if rng.random() < LATE_KITCHEN_RATE else rng.uniform(-60, 60)
    return OrderPlan(
        customer=rng.randrange(customers),
        at_seconds=at_seconds,
        dropoff=_somewhere(rng, CITY_RADIUS_M),
        lines=rng.choice((1, 1, 2, 2, 3, 4)),
        tip_minor=rng.choice((0, 0, 50, 100, 200)),
        answer_after_seconds=answer,
        start_after_seconds=answer + rng.uniform(20, 90),
        ready_after_seconds=answer + told + late,
        told_prep_seconds=told,
        rejected=rng.random() < REJECTED_RATE,
        cancel_after_seconds=rng.uniform(5, 60) if rng.random() < CANCELLED_RATE else None,
        watched=rng.random() < WATCHED_RATE,
    )


def _driver(rng: Random, index: int, drivers: int) -> DriverPlan:
    share = drivers // len(SILENCES)
    silence = SILENCES[index // share] if share and index % share == 0 and index // share < len(SILENCES) else None
    return DriverPlan(
        name=_person(rng),
        start=_somewhere(rng, CITY_RADIUS_M),
        decline_rate=rng.uniform(DECLINE_RATE - 0.05, DECLINE_RATE + 0.05),
        silence=silence,
    )


def _restaurant(rng: Random, index: int) -> RestaurantPlan:
    cuisine = tuple(KITCHENS)[index % len(KITCHENS)]
    return RestaurantPlan(
        name=f"{PLACES[index % len(PLACES)]} {QUALITIES[index // len(PLACES) % len(QUALITIES)]}",
        point=_somewhere(rng, CITY_RADIUS_M * 0.8),
        cuisines=(cuisine,),
        prep_seconds=rng.randrange(300, 780, 60),
        menu=tuple(
            Dish(name=dish, category="mains", price_minor=rng.randrange(390, 1_590, 10)) for dish in KITCHENS[cuisine]
        ),
    )


def _person(rng: Random) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


def _somewhere(rng: Random, radius_m: float) -> Point:
    """Draw a place, denser in the middle."""
    while True:
        x_m, y_m = rng.gauss(0, radius_m / 2), rng.gauss(0, radius_m / 2)
        if hypot(x_m, y_m) <= radius_m:
            return Point(x_m, y_m)
