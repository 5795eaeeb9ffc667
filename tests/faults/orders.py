"""Orders on their way, asked for until there is an answer."""

from collections.abc import Sequence
from typing import NamedTuple

from application.settings import Settings
from tests.api.people import Person, Restaurant, basket
from tests.faults import ledger
from tests.faults.crowd import Crowd, Rider
from tests.faults.stage import Scene
from tests.waiting import eventually


class Evening(NamedTuple):
    """Who takes part."""

    restaurant: Restaurant
    customer: Person
    riders: Sequence[Rider]


def evening(scene: Scene, crowd: Crowd, *, drivers: int) -> Evening:
    """A kitchen, a customer, and drivers of whom positions were accepted: the nearest first."""
    riders = [crowd.rider(scene.city.driver(), metres_away=100.0 * number) for number in range(1, drivers + 1)]
    eventually(lambda: all(rider.accepted_at for rider in riders), what="all drivers are known")
    return Evening(scene.city.restaurant(), scene.city.customer(), riders)


def confirmed(crowd: Crowd, people: Evening) -> str:
    """An order that looks for a driver and will be ready at once."""
    placed = crowd.call(people.customer, "/v1/orders", basket(people.restaurant))
    assert placed.status == 201, placed
    order = str(placed.body["id"])
    for step in ("confirmation", "preparation", "readiness"):
        assert crowd.call(people.restaurant, f"/v1/orders/{order}/{step}").status == 200
    return order


def driver_of(settings: Settings, order: str) -> str:
    """Who has it, once somebody has."""
    found = eventually(
        lambda: ledger.standing_assignments(ledger.rows(settings.database.url)).get(order),
        what="somebody has the order",
    )
    assert found is not None
    return found


def completed(settings: Settings, crowd: Crowd, orders: Sequence[str]) -> None:
    """Everything that was ordered is delivered and paid, and the log holds no trace of anything done twice."""
    crowd.delivering = True

    def done() -> bool:
        assert crowd.faults == []
        log = ledger.rows(settings.database.url)
        return {row.stream for row in log if row.topic == "order.completed"} >= set(orders)

    eventually(done, what="all are delivered and paid")
    log = ledger.rows(settings.database.url)
    assert ledger.standing_assignments(log).keys() == set(orders)
    ledger.assert_nobody_overloaded(log)
    eventually(lambda: not ledger.stuck_reactions(settings.database.url), what="no reaction is left lying")
