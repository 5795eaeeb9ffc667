"""Ruin and recreate: plans for all drivers at once, improved a few orders at a time.

Schrimpf et al. 2000 with simulated annealing and regret-2 insertion (Ropke and Pisinger 2006). Every route state has a
number of its own, and the best insertion of an order into a numbered route is looked up, not computed again, whenever
a route comes back. After an insertion, only the orders that wanted the same driver are asked anew.
"""

from collections.abc import Callable
from math import exp, inf
from random import Random

from planning import greedy
from planning.cost import LATE, UNASSIGNED, Costs
from planning.problem import MAX_BUNDLES, Driver, Order, Plan, Problem, Route, still_open

ITERATIONS_PER_ORDER, ITERATIONS_MORE, ITERATIONS_MOST = 40, 10, 1000
HOT, COLD = 1.0, 0.05
CANDIDATES = 14
REMOVED_MOST = 20
RELATED, WHOLE_ROUTES, GREEDY = 0.75, 0.9, 0.3

type _Insertion = tuple[float, Route]
type _Wish = tuple[float, float, float, int, int, Route]
"""Rank, cost with the best and the second driver, these two, and the best one's new route."""


def plan(problem: Problem, previous: Plan, seed: int, *, expired: Callable[[], bool] | None = None) -> Plan:
    """Improve the last plan for what is known now. The same problem, plan and seed give the same answer.

    `expired` is asked between any two small steps; once it says yes, the best plan so far is the answer, or greedy's
    while that serves more orders. Without it, the number of iterations alone bounds the search.
    """
    if not problem.drivers or not problem.orders:
        return {}
    try:
        search = _Search(problem, previous, Random(seed), expired or _never)  # noqa: S311 - no secret
    except _Expired:
        return greedy.plan(problem, previous, seed)
    if not search.whole:
        return max(search.plan(), greedy.plan(problem, previous, seed), key=_served)
    return search.improved()


def _served(plan: Plan) -> int:
    return sum(len(bundle) for route in plan.values() for bundle in route)


def _never() -> bool:
    return False


class _Expired(Exception):  # noqa: N818 - not an error
    """Time is up before there is any plan."""


class _Search:
    def __init__(self, problem: Problem, previous: Plan, random: Random, expired: Callable[[], bool]) -> None:
        self._problem = problem
        self._random = random
        self._expired = expired
        self._or_stop()
        self._costs = Costs(problem)
        self._drivers = {driver.id: driver for driver in problem.drivers}
        locked = {order for driver in problem.drivers for order in driver.locked}
        self._movable = [order for order in problem.orders if order.id not in locked]
        self._routes: Plan = {driver.id: () for driver in problem.drivers}
        self._cost = dict.fromkeys(self._routes, 0.0)
        self._state = {driver: number for number, driver in enumerate(self._routes)}
        self._states = len(self._state)
        self._known: dict[int, dict[Route, tuple[int, float]]] = {
            driver: {(): (number, 0.0)} for driver, number in self._state.items()
        }
        self._insertions: dict[int, dict[int, _Insertion]] = {order.id: {} for order in problem.orders}
        self._home: dict[int, int] = {}
        self._pending: list[Order] = []
        self._related: dict[int, list[Order]] = {}
        self._candidates: dict[int, list[tuple[float, Driver]]] = {}
        for order in problem.orders:
            self._or_stop()
            self._candidates[order.id] = self._candidates_for(order)
        self._wanted = {order: {driver.id for _, driver in near} for order, near in self._candidates.items()}
        self._start(still_open(problem, previous))
        self.whole = self._recreate(greedily=False)
        """Whether every order was looked at."""

    def plan(self) -> Plan:
        return {driver: route for driver, route in self._routes.items() if route}

    def improved(self) -> Plan:
        best, best_cost = dict(self._routes), self._total()
        current = best_cost
        iterations = min(ITERATIONS_MOST, ITERATIONS_PER_ORDER * len(self._movable) + ITERATIONS_MORE)
        for iteration in range(iterations if self._movable else 0):
            before = (self._routes.copy(), self._cost.copy(), self._state.copy(), self._home.copy(), self._pending)
            self._ruin()
            if not self._recreate(greedily=self._random.random() < GREEDY):
                break
            cost = self._total()
            heat = HOT * (COLD / HOT) ** (iteration / iterations)
            if cost <= current or self._random.random() < exp((current - cost) / heat):
                current = cost
                if cost < best_cost - 1e-9:
                    best, best_cost = dict(self._routes), cost
            else:
                self._routes, self._cost, self._state, self._home, self._pending = before
        return {driver: route for driver, route in best.items() if route}

    def _or_stop(self) -> None:
        if self._expired():
            raise _Expired

    def _start(self, warm: Plan) -> None:
        for driver_id, route in warm.items():
            driver = self._drivers[driver_id]
            kept = route
            while kept and self._costs.route(driver, kept) == inf and not _holds(kept[-1:], driver.locked):
                kept = kept[:-1]
            self._set(driver_id, kept)
            for bundle in kept:
                for order in bundle:
                    self._home[order.id] = driver_id
        self._pending = [order for order in self._problem.orders if order.id not in self._home]

    def _candidates_for(self, order: Order) -> list[tuple[float, Driver]]:
        """Who could be there soonest, each with what the order costs with them at least; the cheapest first."""
        restaurant, ready, service = order.restaurant, order.ready_min, self._problem.pickup_service_min / 2
        travel, reach = self._problem.travel_min, self._problem.reach_min
        there = [(travel[driver.place][restaurant], driver) for driver in self._problem.drivers]
        able = [
            (max(ready, driver.free_min + away + service), away, driver.id)
            for away, driver in there
            if away <= reach and driver.free_min + away + service <= driver.off_min and order.id not in driver.refused
        ]
        able.sort()
        return [(LATE * (pickup - ready), self._drivers[driver]) for pickup, _, driver in able[:CANDIDATES]]

    def _total(self) -> float:
        return sum(self._cost.values()) + UNASSIGNED * len(self._pending)

    def _set(self, driver: int, route: Route) -> None:
        known = self._known[driver].get(route)
        if known is None:
            self._states += 1
            known = self._known[driver][route] = self._states, self._costs.route(self._drivers[driver], route)
        self._routes[driver] = route
        self._state[driver], self._cost[driver] = known

    def _ruin(self) -> None:
        movable, random = self._movable, self._random
        count = random.randint(1, min(REMOVED_MOST, len(movable)))
        dice = random.random()
        if dice < RELATED:
            near = self._related_to(random.choice(movable))
            chosen = random.sample(near[: count + count // 2], count) if count * 3 // 2 <= len(near) else near[:count]
        elif dice < WHOLE_ROUTES:
            used = [driver for driver, route in self._routes.items() if route]
            drivers = set(random.sample(used, min(2, len(used))))
            chosen = [order for order in movable if self._home.get(order.id) in drivers]
        else:
            chosen = random.sample(movable, count)
        gone: dict[int, set[int]] = {}
        pending = self._pending[:]
        for order in chosen:
            home = self._home.pop(order.id, None)
            if home is not None:
                gone.setdefault(home, set()).add(order.id)
                pending.append(order)
        self._pending = pending
        for driver, orders in gone.items():
            bundles = (tuple(o for o in bundle if o.id not in orders) for bundle in self._routes[driver])
            self._set(driver, tuple(bundle for bundle in bundles if bundle))

    def _related_to(self, order: Order) -> list[Order]:
        """All movable orders, those next to this one in place and time first."""
        found = self._related.get(order.id)
        if found is None:
            travel, ready = self._problem.travel_min[order.restaurant], order.ready_min
            found = sorted(self._movable, key=lambda o: abs(o.ready_min - ready) + travel[o.restaurant])
            self._related[order.id] = found
        return found

    def _recreate(self, *, greedily: bool) -> bool:
        """Insert what is pending, wherever it fits; False when time is up before that is done."""
        left: list[Order] = []
        wishes: dict[Order, _Wish] = {}
        for order in self._pending:
            if self._expired():
                return False
            wish = self._wish(order, greedily=greedily)
            if wish[1] == inf:
                left.append(order)
            else:
                wishes[order] = wish
        while wishes:
            if self._expired():
                return False
            order = min(wishes, key=lambda order: wishes[order][0])
            _, _, _, driver, _, route = wishes.pop(order)
            self._set(driver, route)
            self._home[order.id] = driver
            for other, wish in list(wishes.items()):
                if driver not in self._wanted[other.id]:
                    continue
                if driver not in (wish[3], wish[4]) and self._insertion(other, self._drivers[driver])[0] >= wish[2]:
                    continue
                wish = self._wish(other, greedily=greedily)  # noqa: PLW2901 - the same wish, anew
                if wish[1] == inf:
                    left.append(other)
                    del wishes[other]
                else:
                    wishes[other] = wish
        self._pending = left
        return True

    def _wish(self, order: Order, *, greedily: bool) -> _Wish:
        """Look for the two drivers who would take an order most cheaply, and rank it against other orders."""
        first, second, best, next_best = inf, inf, -1, -1
        best_route: Route = ()
        found, state = self._insertions[order.id], self._state
        for least, driver in self._candidates[order.id]:
            if least >= second:
                break
            cost, route = found.get(state[driver.id]) or self._insertion(order, driver)
            if cost < first:
                second, next_best = first, best
                first, best, best_route = cost, driver.id, route
            elif cost < second:
                second, next_best = cost, driver.id
        return first if greedily else first - min(second, UNASSIGNED), first, second, best, next_best, best_route

    def _insertion(self, order: Order, driver: Driver) -> _Insertion:
        """Find the cheapest way to add an order to a driver's route: what it adds, and the new route."""
        known, state = self._insertions[order.id], self._state[driver.id]
        if state in known:
            return known[state]
        route = self._routes[driver.id]
        best, best_route = inf, route
        price, old = self._costs.route, self._cost[driver.id]
        limit = inf
        for new in _with(order, route, driver, self._problem.bundle_orders) if route else (((order,),),):
            cost = price(driver, new, limit)
            if cost < limit:
                limit, best, best_route = cost, cost - old, new
        known[state] = best, best_route
        return best, best_route


def _with(order: Order, route: Route, driver: Driver, most: int) -> list[Route]:
    """Every route that has the order in it too."""
    found: list[Route] = []
    for at, bundle in enumerate(route):
        if bundle[0].restaurant != order.restaurant or len(bundle) >= most:
            continue
        if at == 0 and driver.sealed:
            continue
        found += [
            (*route[:at], (*bundle[:place], order, *bundle[place:]), *route[at + 1 :])
            for place in range(len(bundle) + 1)
        ]
    if len(route) < MAX_BUNDLES:
        found += [(*route[:at], (order,), *route[at:]) for at in range(1 if driver.locked else 0, len(route) + 1)]
    return found


def _holds(route: Route, orders: frozenset[int]) -> bool:
    return any(order.id in orders for bundle in route for order in bundle)
