"""Real days: a window of an instance of the meal delivery routing problem, as a scenario."""

from bisect import bisect_left
from dataclasses import dataclass

from simulation.geometry import Degrees, LocalPlane, Point
from simulation.mdrp import Instance, InstanceOrder
from simulation.scenario import Dish, DriverPlan, Movement, OrderPlan, RestaurantPlan, Scenario

FEWEST_ORDERS = 20
MOST_CUSTOMERS = 200
DRAIN_MINUTES = 90.0


class BadWindow(ValueError):  # noqa: N818 - names what is wrong
    """The window cannot be replayed; the message says why."""


@dataclass(frozen=True)
class Window:
    """Orders placed from `start_min` up to, not including, `end_min`."""

    start_min: float
    end_min: float


def window(instance: Instance, text: str) -> Window:
    """Understand `busiest:MINUTES`, `MIN-MAX` or `all`. Raises BadWindow, also for fewer than 20 orders."""
    chosen = _parsed(instance, text.strip())
    count = sum(chosen.start_min <= order.placement_min < chosen.end_min for order in instance.orders)
    if count < FEWEST_ORDERS:
        first, last = instance.orders[0].placement_min, instance.orders[-1].placement_min
        raise BadWindow(
            f"the window {text!r} holds {count} orders of {instance.name}, fewer than {FEWEST_ORDERS}; "
            f"its orders are placed between minutes {first:g} and {last:g}"
        )
    return chosen


def scenario(
    instance: Instance, chosen: Window, *, anchor: tuple[float, float], region: str, timezone: str
) -> Scenario:
    """Turn the window into what is going to happen, second 0 being its first minute.

    The centre of the instance's restaurants comes to lie on `anchor` (lat, lon). Couriers whose duty touches the
    window or the 90 minutes after it take part; those on duty at its start are on shift from the beginning.
    """
    shift = _center(list(instance.restaurants.values()))
    placed = [order for order in instance.orders if chosen.start_min <= order.placement_min < chosen.end_min]
    names = sorted({order.restaurant for order in placed})
    index = {name: number for number, name in enumerate(names)}
    customers = min(len(placed), MOST_CUSTOMERS)
    return Scenario(
        title=f"{instance.name}, minutes {chosen.start_min:g} to {chosen.end_min:g}",
        region=region,
        timezone=timezone,
        plane=LocalPlane(Degrees(*anchor)),
        movement=Movement(
            metres_per_second=instance.metres_per_minute / 60,
            pickup_seconds=instance.pickup_minutes * 60,
            dropoff_seconds=instance.dropoff_minutes * 60,
        ),
        customers=tuple(f"Customer {number + 1}" for number in range(customers)),
        restaurants=tuple(_restaurant(name, _moved(instance.restaurants[name], shift)) for name in names),
        drivers=tuple(
            DriverPlan(
                name=f"Courier {courier.name}",
                start=_moved(courier.point, shift),
                on_seconds=max(0.0, (courier.on_min - chosen.start_min) * 60),
                off_seconds=(courier.off_min - chosen.start_min) * 60,
            )
            for courier in instance.couriers
            if courier.off_min > chosen.start_min and courier.on_min < chosen.end_min + DRAIN_MINUTES
        ),
        orders=tuple(
            _order(order, number % customers, index[order.restaurant], chosen, shift)
            for number, order in enumerate(placed)
        ),
        ends_at_seconds=(chosen.end_min - chosen.start_min) * 60,
        drain_seconds=DRAIN_MINUTES * 60,
    )


def _order(order: InstanceOrder, customer: int, restaurant: int, chosen: Window, shift: Point) -> OrderPlan:
    ready_after = (order.ready_min - order.placement_min) * 60
    return OrderPlan(
        customer=customer,
        restaurant=restaurant,
        at_seconds=(order.placement_min - chosen.start_min) * 60,
        dropoff=_moved(order.point, shift),
        answer_after_seconds=0,
        start_after_seconds=0,
        ready_after_seconds=ready_after,
        told_prep_seconds=max(60, round(ready_after)),
        watched=customer % 10 == 0,
    )


def _restaurant(name: str, point: Point) -> RestaurantPlan:
    menu = (Dish(name="Dish of the day", category="mains", price_minor=1_200),)
    return RestaurantPlan(name=f"Restaurant {name}", point=point, cuisines=("mixed",), prep_seconds=900, menu=menu)


def _parsed(instance: Instance, text: str) -> Window:
    last_min = instance.orders[-1].placement_min
    if text == "all":
        return Window(0, last_min + 1)
    kind, colon, length = text.partition(":")
    try:
        if colon and kind == "busiest":
            return _busiest(instance, _positive(length))
        start, dash, end = text.partition("-")
        if dash:
            return Window(float(start), float(start) + _positive(str(float(end) - float(start))))
    except ValueError:
        pass
    raise BadWindow(f"{text!r} is not a window; say busiest:MINUTES, MIN-MAX (as in 520-580) or all")


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _busiest(instance: Instance, minutes: float) -> Window:
    """Find the window of that length with the most orders; the earliest of equals. It starts with an order."""
    times = [order.placement_min for order in instance.orders]
    start = max(times, key=lambda time: bisect_left(times, time + minutes) - bisect_left(times, time))
    return Window(start, start + minutes)


def _center(points: list[Point]) -> Point:
    return Point(sum(p.x_m for p in points) / len(points), sum(p.y_m for p in points) / len(points))


def _moved(point: Point, shift: Point) -> Point:
    return Point(point.x_m - shift.x_m, point.y_m - shift.y_m)
