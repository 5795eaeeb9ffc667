"""How often the follower looks for drivers who have come on shift and have not said where they are."""

from datetime import UTC, datetime, timedelta
from typing import override
from uuid import UUID

import redis

from application.ids import new_id
from application.positions import Positions
from application.reactions.arrivals import LOOK_SECONDS, Arrivals
from domain.geo import Position
from domain.region import PORTO
from projections.valkey.rows import LastPosition

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SOON, LOOK = timedelta(milliseconds=5), timedelta(seconds=LOOK_SECONDS)


class Somewhere(Positions):
    def __init__(self) -> None:
        super().__init__(redis.Redis(port=1), prefix="", regions={"porto": PORTO})
        self.asked = 0
        self.known = False

    @override
    def last_position(self, region: str, driver_id: UUID) -> LastPosition | None:
        self.asked += 1
        return LastPosition(Position(lat=41.15, lon=-8.61), NOW) if self.known else None


def test_a_busy_log_does_not_make_it_look_more_often() -> None:
    positions = Somewhere()
    arrivals = Arrivals(positions)
    arrivals.expect([(new_id(), "porto")], NOW)
    for number in range(10):
        arrivals.regions(NOW + number * SOON)
    assert positions.asked == 1
    arrivals.regions(NOW + LOOK)
    assert positions.asked == 2


def test_who_is_there_wakes_twice_and_not_at_once() -> None:
    positions = Somewhere()
    positions.known = True
    arrivals = Arrivals(positions)
    assert arrivals.regions(NOW) == {}
    arrivals.expect([(new_id(), "porto")], NOW)
    found = [arrivals.regions(NOW + after) for after in (SOON, 2 * SOON, SOON + LOOK, SOON + 2 * LOOK)]
    assert found == [{"porto": 1}, {}, {"porto": 1}, {}]
