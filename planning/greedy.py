"""The fallback and the baseline: food that is ready goes to the nearest free driver."""

from planning.problem import Driver, Order, Plan, Problem, still_open


def plan(problem: Problem, previous: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing here is random
    """Give each ready order, oldest first, to the nearest idle driver. Who is under way keeps what they have."""
    kept = still_open(problem, previous)
    routes = {driver.id: kept[driver.id] for driver in problem.drivers if driver.heading and driver.id in kept}
    taken = {order.id for route in routes.values() for bundle in route for order in bundle}
    idle = [driver for driver in problem.drivers if not driver.heading and driver.free_min <= problem.now_min]
    for order in sorted(problem.orders, key=lambda order: (order.ready_min, order.id)):
        if order.id in taken or order.ready_min > problem.now_min:
            continue
        able = [driver for driver in idle if _may(problem, driver, order)]
        if able:
            nearest = min(able, key=lambda d: (problem.travel_min[d.place][order.restaurant], d.id))
            routes[nearest.id] = ((order,),)
            idle.remove(nearest)
    return routes


def _may(problem: Problem, driver: Driver, order: Order) -> bool:
    away_min = problem.travel_min[driver.place][order.restaurant]
    pickup_min = max(order.ready_min, driver.free_min + away_min + problem.pickup_service_min / 2)
    return away_min <= problem.reach_min and pickup_min <= driver.off_min and order.id not in driver.refused
