"""Many devices at once, and what some of them send cannot be read: under granian, as it is run."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

import psutil
import pytest

from api.driver_frames import MOST_REFUSED
from application.settings import Settings
from tests.api.device import Device, device
from tests.api.people import HERE, City
from tests.api.serving import Served, served

DEVICES, FRAMES = 10, 300
BAD = ["", "{", "[]", "nonsense", '{"lat": 91, "lon": 0, "at": "2025-03-14T15:00:00Z"}', "[" * 5_000]
BIG = "x" * 60_000
MEGABYTE = 1024 * 1024


def frame() -> str:
    return json.dumps(HERE | {"at": datetime.now(UTC).isoformat()})


def refused(api: Served) -> float:
    (count,) = re.findall(r"^driver_frames_refused_total (\S+)$", api.client.get("/metrics").text, re.MULTILINE)
    return float(count)


def memory_mb(api: Served) -> float:
    process = psutil.Process(api.process.pid)
    return sum(one.memory_info().rss for one in (process, *process.children())) / MEGABYTE


@pytest.fixture
def api(settings: Settings, projector: None) -> Iterator[Served]:  # noqa: ARG001 - has to run
    with served(settings) as api:
        yield api


def test_one_frame_in_a_hundred_is_refused_counted_and_ends_nothing(api: Served) -> None:
    city = City(api.client)
    before = refused(api)

    def drive(line: Device) -> int:
        bad = 0
        for number in range(FRAMES):
            broken = number % 100 == 50
            line.send(BAD[number // 100 % len(BAD)] if broken else frame())
            kind, data = line.answer()
            assert kind == ("refused" if broken else "taken"), data
            bad += broken
        return bad

    with ExitStack() as closing, ThreadPoolExecutor(DEVICES) as threads:
        drivers = [city.driver() for _ in range(DEVICES)]
        port = api.client.base_url.port or 0
        lines = [closing.enter_context(device(port, driver.token)) for driver in drivers]
        bad = sum(threads.map(drive, lines))
    assert bad == DEVICES * FRAMES // 100
    assert refused(api) - before == bad


def test_what_cannot_be_read_is_not_kept(api: Served) -> None:
    driver = City(api.client).driver()
    with device(api.client.base_url.port or 0, driver.token) as line:

        def rounds(count: int) -> None:
            for _ in range(count):
                for _ in range(MOST_REFUSED - 1):
                    line.send(BIG)
                    assert line.answer()[0] == "refused"
                line.send(frame())
                assert line.answer()[0] == "taken"

        rounds(1)
        before = memory_mb(api)
        rounds(10)
        assert memory_mb(api) - before < 10 * MOST_REFUSED * len(BIG) / MEGABYTE / 2
