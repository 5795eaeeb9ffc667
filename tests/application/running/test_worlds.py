"""A world runs beside the kept data, with a clock of its own that stands still until it is started."""

import json
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from application import worlds
from application.clocks import WorldClock
from application.engines import embedded
from application.settings import ApiSettings, Settings
from domain.region import PORTO
from tests.waiting import eventually

FRIDAY_EVENING = datetime(2026, 3, 6, 18, 0, tzinfo=UTC)
BRAGA = msgspec.structs.replace(PORTO, id="braga", name="Braga")


def test_a_world_has_engines_staff_regions_and_time_of_its_own(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, api=ApiSettings(workers=1))
    with worlds.create("rush", speed=60, origin_business=FRIDAY_EVENING, regions=[BRAGA], settings=settings) as world:
        assert world.clock.now() == FRIDAY_EVENING
        elsewhere = WorldClock(world.settings.database.url, world.clock.world)
        admin = world.appoint("admin")
        assert log_in(world.base_url, admin)["role"] == "admin"
        world.start_clock()
        assert world.clock.now() > FRIDAY_EVENING
        eventually(lambda: elsewhere.now() > FRIDAY_EVENING, what="another process follows")
        elsewhere.close()
        assert not (tmp_path / "postgres").exists(), "the kept engines are not touched"
    folder = tmp_path / "worlds" / "rush"
    assert not embedded.healthy(folder)
    with (
        pytest.raises(worlds.WorldExists, match="another name"),
        worlds.create("rush", speed=60, origin_business=FRIDAY_EVENING, regions=[BRAGA], settings=settings),
    ):
        pass


def test_a_name_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with (
        pytest.raises(ValueError, match="small letters"),
        worlds.create("../rush", speed=1, origin_business=FRIDAY_EVENING, regions=[PORTO], settings=settings),
    ):
        pass


def log_in(base_url: str, staff: worlds.Credentials) -> dict[str, str]:
    request = urllib.request.Request(  # noqa: S310 - our own API
        f"{base_url}/v1/sessions", data=msgspec.json.encode(staff), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - as above
        answer: dict[str, str] = json.load(response)
    return answer
