"""Ruin and recreate: plans for all drivers at once, improved a few orders at a time.

Schrimpf et al. 2000 with simulated annealing and regret-2 insertion (Ropke and Pisinger 2006). Every route state has a
number of its own, and the best insertion of an order into a numbered route is looked up, not computed again.
"""

from math import exp, inf
from random import Random

from planning.cost import UNASSIGNED, Costs
from planning.problem import MAX_BUNDLES, Driver, Order, Plan, Problem, Route, still_open

ITERATIONS_PER_ORDER, ITERATIONS_MORE, ITERATIONS_MOST = 4, 10, 160
HOT, COLD = 2.0, 0.05
CANDIDATES = 14
REMOVED_MOST = 10
RELATED, WHOLE_ROUTES, GREEDY = 0.75, 0.9, 0.3

type _Insertion = tuple[float, Route]


def plan(problem: Problem, previous: Plan, seed: int) -> Plan:
    """Improve the last plan for what is known now. The same problem, plan and seed give the same answer."""
    if not problem.drivers or not problem.orders:
        return {}
    search = _Search(problem, previous, Random(seed))  # noqa: S311 - no secret
    return search.run()


class _Search:
    def __init__(self, problem: Problem, previous: Plan, random: Random) -> None:
        self._problem = problem
        self._random = random
        self._costs = Costs(problem)
        self._drivers = {driver.id: driver for driver in problem.drivers}
        self._locked = {order for driver in problem.drivers for order in driver.locked}
        self._routes: Plan = {driver.id: () for driver in problem.drivers}
        self._cost = dict.fromkeys(self._routes, 0.0)
        self._state = {driver: number for number, driver in enumerate(self._routes)}
        self._states = len(self._state)
        self._insertions: dict[tuple[int, int], _Insertion] = {}
        self._home: dict[int, int] = {}
        self._pending: list[Order] = []
        self._candidates = {order.id: self._candidates_for(order) for order in problem.orders}
        self._start(still_open(problem, previous))

    def run(self) -> Plan:
        movable = [order for order in self._problem.orders if order.id not in self._locked]
        self._recreate(greedily=False)
        best, best_cost = dict(self._routes), self._total()
        current = best_cost
        iterations = min(ITERATIONS_MOST, ITERATIONS_PER_ORDER * len(movable) + ITERATIONS_MORE)
        for iteration in range(iterations if movable else 0):
            before = (self._routes.copy(), self._cost.copy(), self._state.copy(), self._home.copy(), self._pending[:])
            self._ruin(movable)
            self._recreate(greedily=self._random.random() < GREEDY)
            cost = self._total()
            heat = HOT * (COLD / HOT) ** (iteration / iterations)
            if cost <= current or self._random.random() < exp((current - cost) / heat):
                current = cost
                if cost < best_cost - 1e-9:
                    best, best_cost = dict(self._routes), cost
            else:
                self._routes, self._cost, self._state, self._home, self._pending = before
        return {driver: route for driver, route in best.items() if route}

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

    def _candidates_for(self, order: Order) -> list[Driver]:
        travel = self._problem.travel_min

        def there_min(driver: Driver) -> float:
            return max(order.ready_min, driver.free_min + travel[driver.place][order.restaurant])

        def key(driver: Driver) -> tuple[float, float, int]:
            return (there_min(driver), travel[driver.place][order.restaurant], driver.id)

        return sorted((one for one in self._problem.drivers if order.id not in one.refused), key=key)[:CANDIDATES]

    def _total(self) -> float:
        return sum(self._cost.values()) + UNASSIGNED * len(self._pending)

    def _set(self, driver: int, route: Route) -> None:
        self._routes[driver] = route
        self._cost[driver] = self._costs.route(self._drivers[driver], route)
        self._states += 1
        self._state[driver] = self._states

    def _ruin(self, movable: list[Order]) -> None:
        count = self._random.randint(1, min(REMOVED_MOST, len(movable)))
        dice = self._random.random()
        if dice < RELATED:
            seed = self._random.choice(movable)
            travel = self._problem.travel_min[seed.restaurant]
            chosen = sorted(movable, key=lambda o: abs(o.ready_min - seed.ready_min) + travel[o.restaurant])[:count]
        elif dice < WHOLE_ROUTES:
            used = [driver for driver, route in self._routes.items() if route]
            drivers = set(self._random.sample(used, min(2, len(used))))
            chosen = [order for order in movable if self._home.get(order.id) in drivers]
        else:
            chosen = self._random.sample(movable, count)
        gone: dict[int, set[int]] = {}
        for order in chosen:
            home = self._home.pop(order.id, None)
            if home is not None:
                gone.setdefault(home, set()).add(order.id)
                self._pending.append(order)
        for driver, orders in gone.items():
            bundles = (tuple(o for o in bundle if o.id not in orders) for bundle in self._routes[driver])
            self._set(driver, tuple(bundle for bundle in bundles if bundle))

    def _recreate(self, *, greedily: bool) -> None:
        waiting, left = self._pending, []
        while waiting:
            chosen: tuple[float, Order, int, Route] | None = None
            hopeless = []
            for order in waiting:
                first, second, driver, route = self._best(order)
                if first == inf:
                    hopeless.append(order)
                    continue
                rank = first if greedily else first - min(second, UNASSIGNED)
                if chosen is None or rank < chosen[0]:
                    chosen = (rank, order, driver, route)
            left += hopeless
            if chosen is None:
                break
            _, order, driver, route = chosen
            self._set(driver, route)
            self._home[order.id] = driver
            waiting = [o for o in waiting if o is not order and o not in hopeless]
        self._pending = left

    def _best(self, order: Order) -> tuple[float, float, int, Route]:
        first, second, best_driver = inf, inf, -1
        best_route: Route = ()
        insertions, state = self._insertions, self._state
        for driver in self._candidates[order.id]:
            key = (order.id, state[driver.id])
            found = insertions.get(key)
            if found is None:
                found = insertions[key] = self._insertion(order, driver)
            if found[0] < first:
                second, first, best_driver, best_route = first, found[0], driver.id, found[1]
            elif found[0] < second:
                second = found[0]
        return first, second, best_driver, best_route

    def _insertion(self, order: Order, driver: Driver) -> _Insertion:
        route = self._routes[driver.id]
        best: _Insertion = (inf, ())
        price, old = self._costs.route, self._cost[driver.id]
        for at, bundle in enumerate(route):
            if bundle[0].restaurant == order.restaurant and len(bundle) < self._problem.bundle_orders:
                for place in range(len(bundle) + 1):
                    new = (*route[:at], (*bundle[:place], order, *bundle[place:]), *route[at + 1 :])
                    cost = price(driver, new) - old
                    if cost < best[0]:
                        best = (cost, new)
        if len(route) < MAX_BUNDLES:
            for at in range(1 if driver.locked else 0, len(route) + 1):
                new = (*route[:at], (order,), *route[at:])
                cost = price(driver, new) - old
                if cost < best[0]:
                    best = (cost, new)
        return best


def _holds(route: Route, orders: frozenset[int]) -> bool:
    return any(order.id in orders for bundle in route for order in bundle)
