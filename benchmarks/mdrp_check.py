"""The rules of the meal delivery problem, held against what was played; shares no code with whoever played it."""

from collections import Counter
from math import ceil, hypot

from benchmarks.mdrp_day import Move, Played, Trip
from simulation.geometry import Point
from simulation.mdrp import Instance, InstanceOrder


def violations(instance: Instance, played: Played, *, sealed: bool = False) -> list[str]:
    """Every rule that a day breaks, in words; empty when it is feasible.

    Sealed is the strictest reading: whoever has left for a restaurant is given no more, so that every order of a bundle
    is placed and decided before the departure.
    """
    orders = {order.name: order for order in instance.orders}
    carried = Counter(name for trip in played.trips for name in trip.orders)
    found = [f"order {name} is delivered {times} times" for name, times in carried.items() if times > 1]
    found += [f"order {name} is unknown" for name in carried if name not in orders]
    for trip in played.trips:
        if not len(trip.orders) == len(trip.decided_min) == len(trip.dropoffs_min) > 0:
            found.append(f"courier {trip.courier} at {trip.departure_min}: not one decision and drop-off an order")
    if found:
        return found
    couriers = {courier.name for courier in instance.couriers}
    found += [f"courier {trip.courier} is unknown" for trip in played.trips if trip.courier not in couriers]
    found += [f"courier {move.courier} is unknown" for move in played.moves if move.courier not in couriers]
    for courier in instance.couriers:
        trips = sorted((t for t in played.trips if t.courier == courier.name), key=lambda trip: trip.departure_min)
        expected: list[Move] = []
        at, at_name, free_min = courier.point, "0", courier.on_min
        for trip in trips:
            bundle = [orders[name] for name in trip.orders]
            found += _trip(instance, trip, bundle, at, free_min, courier.off_min)
            expected.append(Move(trip.courier, trip.departure_min, at_name, bundle[0].restaurant))
            at_name, leaves = bundle[0].restaurant, trip.pickup_min + instance.pickup_minutes / 2
            for order, dropoff in zip(bundle, trip.dropoffs_min, strict=True):
                expected.append(Move(trip.courier, leaves, at_name, order.name))
                at_name, leaves = order.name, dropoff + instance.dropoff_minutes / 2
            at, free_min = bundle[-1].point, leaves
            if sealed and trip.assigned_min > trip.departure_min:
                found.append(f"courier {trip.courier} at {trip.departure_min}: is given more under way")
        moves = sorted((m for m in played.moves if m.courier == courier.name), key=lambda move: move.departure_min)
        if moves != expected:
            found.append(f"courier {courier.name} moves otherwise than the orders say")
    return found


def _trip(
    instance: Instance, trip: Trip, bundle: list[InstanceOrder], at: Point, free_min: float, off_min: float
) -> list[str]:
    """What is wrong with one trip of a courier who is at `at` and free from `free_min`."""
    who = f"courier {trip.courier} at {trip.departure_min}"
    restaurant = instance.restaurants[bundle[0].restaurant]
    arrival = trip.departure_min + _travel_min(instance, at, restaurant)
    pickup = max([arrival + instance.pickup_minutes / 2, *(order.ready_min for order in bundle)])
    found = []
    if any(order.restaurant != bundle[0].restaurant for order in bundle):
        found.append(f"{who}: a bundle of several restaurants")
    if trip.departure_min < free_min:
        found.append(f"{who}: leaves before {free_min}, when on duty and done with the last drop-off")
    if min(trip.decided_min) > trip.departure_min:
        found.append(f"{who}: leaves before anything is decided")
    for order, decided_min in zip(bundle, trip.decided_min, strict=True):
        if decided_min < order.placement_min:
            found.append(f"{who}: {order.name} is decided at {decided_min}, before it is placed")
        if decided_min > arrival:
            found.append(f"{who}: {order.name} is decided at {decided_min}, after arriving")
    if trip.pickup_min != pickup:
        found.append(f"{who}: picks up at {trip.pickup_min}, not at {pickup}")
    if trip.pickup_min > off_min:
        found.append(f"{who}: picks up at {trip.pickup_min}, after the shift's end at {off_min}")
    place, leaves = restaurant, trip.pickup_min + instance.pickup_minutes / 2
    for order, dropoff in zip(bundle, trip.dropoffs_min, strict=True):
        expected = leaves + _travel_min(instance, place, order.point) + instance.dropoff_minutes / 2
        if dropoff != expected:
            found.append(f"{who}: {order.name} is dropped off at {dropoff}, not at {expected}")
        place, leaves = order.point, dropoff + instance.dropoff_minutes / 2
    return found


def _travel_min(instance: Instance, a: Point, b: Point) -> int:
    return ceil(hypot(a.x_m - b.x_m, a.y_m - b.y_m) / instance.metres_per_minute)
