"""Far more positions than can be taken, while Valkey sleeps: told to come again, and the server does not grow."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from application.settings import Settings, ValkeySettings
from tests.api.conftest import running_projector
from tests.api.people import HERE, City
from tests.api.serving import served
from tests.api.test_gateway import TOKEN
from tests.faults.crowd import TIMEOUT
from tests.faults.stage import OwnValkey, answering
from tests.waiting import eventually

BATCH, AT_ONCE, WAVES = 1_000, 200, 12
MOST_GROWTH_BYTES = 64_000_000
"""2.4 million positions are refused; with all that came with them kept they were 108 MB."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnValkey]:
    own = OwnValkey(tmp_path / "valkey")
    yield own
    own.end()


def test_what_is_refused_is_not_kept(settings: Settings, own: OwnValkey) -> None:
    positions = replace(settings.positions, gateway_token=TOKEN)
    settings = replace(settings, positions=positions, valkey=ValkeySettings(url=own.url))
    with running_projector(settings), served(settings) as api:
        driver = eventually(lambda: City(api.client).driver(), what="a driver has registered")
        server, base_url = answering(api), str(api.client.base_url)
        own.pause()
        flood(base_url, driver.id, waves=3)
        before = server.memory_info().rss
        answers = flood(base_url, driver.id, waves=WAVES)
        growth = server.memory_info().rss - before
        own.resume()
    print(json.dumps({"refused": BATCH * answers.total(), "memory_growth_kb": growth // 1000}))  # noqa: T201
    assert answers == {(503, True): AT_ONCE * WAVES}
    assert growth < MOST_GROWTH_BYTES


def flood(base_url: str, driver_id: str, *, waves: int) -> Counter[tuple[int, bool]]:
    """Wave after wave of batches; how often which status came, and whether it said when to come again."""
    one = HERE | {"driver_id": driver_id, "at": datetime.now(UTC).isoformat()}
    body = json.dumps({"region": "porto", "positions": [one] * BATCH}).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    async def scenario() -> Counter[tuple[int, bool]]:
        answers: Counter[tuple[int, bool]] = Counter()

        async def send() -> None:
            async with session.post("/v1/gateway/positions", data=body, headers=headers) as answer:
                await answer.read()
                answers[answer.status, int(answer.headers.get("Retry-After", 0)) > 0] += 1

        async with aiohttp.ClientSession(base_url, timeout=TIMEOUT) as session:
            for _ in range(waves):
                await asyncio.gather(*(send() for _ in range(AT_ONCE)))
        return answers

    return asyncio.run(scenario())
