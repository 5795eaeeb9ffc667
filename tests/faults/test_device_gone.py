"""A driver's device loses its network in the middle of an offer."""

import json
import os
import socket
from pathlib import Path

import redis
from msgspec.structs import replace

from application.settings import Settings
from projections.valkey.keys import driver_channel
from tests.api.people import Person
from tests.application.reactions.log_lock import log_locked
from tests.faults import ledger
from tests.faults.crowd import Crowd, Rider
from tests.faults.orders import completed, confirmed, driver_of, evening
from tests.faults.stage import DISPATCH, Scene, whole
from tests.waiting import eventually

CUTS = int(os.environ.get("TIFFIN_CUTS", "15"))
MOST_GROWTH_BYTES = 16_000_000


def test_who_comes_back_finds_the_offer_and_repeats_the_answer(settings: Settings, tmp_path: Path) -> None:
    patient = replace(DISPATCH, first_offer_seconds=120.0)
    with whole(settings, tmp_path, dispatch=patient) as scene, Crowd(scene.base_url) as crowd:
        people = evening(scene, crowd, drivers=2)
        near, far = people.riders

        near.accepts = False
        seen = confirmed(crowd, people)
        (offer,) = eventually(lambda: list(near.offers), what="the offer is on the device")
        near.offers.clear()
        near.accepts = True
        near.cut()
        assert driver_of(settings, seen) == near.person.id, "the snapshot shows it again"
        assert near.offers == [offer]

        near.accepts = False
        unanswered = confirmed(crowd, people)
        offer = eventually(lambda: near.offers[1:], what="another offer")[0]
        answered_into_the_void(settings, scene, near, f"/v1/orders/{unanswered}/offers/{offer}/acceptance", offer)
        again = crowd.call(near.person, f"/v1/orders/{unanswered}/offers/{offer}/acceptance", key=offer)
        assert (again.status, again.body["status"]) == (200, "assigned")
        assert far.offers == []

        cut_often(scene, near)
        completed(settings, crowd, [seen, unanswered])
    log = ledger.rows(settings.database.url)
    assert ledger.count(log, "order.driver_offered") == ledger.count(log, "order.driver_assigned") == 2


def test_who_stays_away_loses_the_offer_to_the_next_and_hears_so(settings: Settings, tmp_path: Path) -> None:
    hasty = replace(DISPATCH, first_offer_seconds=1.0, next_offer_seconds=60.0)
    with whole(settings, tmp_path, dispatch=hasty) as scene, Crowd(scene.base_url) as crowd:
        people = evening(scene, crowd, drivers=2)
        near, far = people.riders
        near.accepts = False
        order = confirmed(crowd, people)
        (offer,) = eventually(lambda: list(near.offers), what="the offer is on the device")
        near.cut(for_good=True)
        assert driver_of(settings, order) == far.person.id
        near.reachable = True
        eventually(lambda: near.outcomes["snapshot"] == 2, what="the device is back")
        late = crowd.call(near.person, f"/v1/orders/{order}/offers/{offer}/acceptance", key=offer)
        assert late.status == 409
        assert late.body["type"].startswith("urn:tiffin:problem:offer-")
        completed(settings, crowd, [order])


def answered_into_the_void(settings: Settings, scene: Scene, rider: Rider, path: str, key: str) -> None:
    """The device sends its answer; before it hears what became of it, every connection it has is gone."""
    with log_locked(settings.database.url) as waiting, connected(scene) as line:
        line.sendall(request(rider.person, path, key))
        eventually(waiting, what="the acceptance waits to be appended")
        line.close()
        rider.cut()


def connected(scene: Scene) -> socket.socket:
    return socket.create_connection(("127.0.0.1", scene.api.client.base_url.port or 0), timeout=5.0)


def request(person: Person, path: str, key: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {person.token}\r\nIdempotency-Key: {key}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def cut_often(scene: Scene, rider: Rider) -> None:
    """Nothing of a connection that is gone stays behind: no descriptor, no subscription, no memory."""
    with redis.Redis.from_url(scene.valkey.url, socket_timeout=5.0) as valkey:
        cut(rider, times=5)
        server = scene.server()
        files, memory = server.num_fds(), server.memory_info().rss
        cut(rider, times=CUTS)
        eventually(lambda: server.num_fds() <= files + 4, what=f"{server.num_fds()} descriptors, {files} before")
        growth = server.memory_info().rss - memory
        channel = driver_channel(scene.settings.world.prefix, rider.person.id)  # type: ignore[arg-type]  # as a text
        eventually(lambda: valkey.pubsub_numsub(channel) == [(channel.encode(), 1)], what="one subscription")
    print(json.dumps({"cuts": CUTS, "memory_growth_kb": growth // 1000}))  # noqa: T201
    assert growth < MOST_GROWTH_BYTES


def cut(rider: Rider, *, times: int) -> None:
    for _ in range(times):
        lines = rider.outcomes["snapshot"]
        rider.cut()
        eventually(lambda before=lines: rider.outcomes["snapshot"] > before, what="a new connection")  # type: ignore[misc]
