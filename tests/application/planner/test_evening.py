"""What plans are worth in the live system: the same evening one by one and planned, with declines and silence."""

from pathlib import Path

import psycopg
import pytest

from application.settings import Settings
from domain.region import Dispatch, Planning
from tests.application.planner.evening import Evening, Lived, Script, script
from tests.application.reactions.town import Town, town

DISPATCH = Dispatch(silent_seconds=600.0)


def lived(place: Town, said: Script, planning: Planning | None) -> Lived:
    with psycopg.connect(place.tiffin.settings.database.url, autocommit=True) as connection:
        return Evening(place, said, connection).live(planning)


@pytest.mark.parametrize("seed", [1, 4])
def test_on_the_same_evening_plans_bring_food_earlier_than_offers_one_by_one(
    settings: Settings, tmp_path: Path, seed: int
) -> None:
    # No clock runs, so a seed has one outcome. Of the seeds 1 to 6 each gains, from 0.6 to 5.2 minutes; of these two
    # each has drivers who decline and drivers who do not answer, planned as well as one by one.
    said = script(seed, meals=24, drivers=6, restaurants=4, minutes=40.0)
    with town(settings, DISPATCH, tmp_path) as place:
        as_it_was = place.tiffin
        alone = lived(place, said, None)
        place.tiffin = as_it_was
        planned = lived(place, said, Planning())
    for evening in (alone, planned):
        assert evening.declined > 0
        assert evening.expired > 0
        assert evening.most_carried == 2
    assert planned.bundled > 0
    assert planned.click_to_door_min < alone.click_to_door_min - 1.0
    assert planned.food_waits_min < alone.food_waits_min
