"""Somebody asks to be forgotten: nothing of them is left anywhere, and everything else stays as it was."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
from litestar.testing import TestClient

from api.app import Api
from application import forgetting
from application.bundle import Bundle
from application.commands import CapturePayment, CompleteOrder, MatchOrder
from application.commands.orders import AddNote
from application.context import Context
from application.kinds import DRIVER, ORDER
from application.positions import Ping
from application.privacy.keys import Forgotten, log_reader
from application.seals import export, sealer, verification
from application.seals.book import Book
from application.settings import Settings
from application.track_writer import TrackWriter
from application.tracks import track
from domain.errors import NotFound
from domain.event import Meta
from domain.geo import Position
from projections import recheck
from projections.connections import open_engine
from projections.registry import PROJECTIONS
from tests.api.conftest import NOON, HandClock, appointed
from tests.api.people import HERE, City, Person, Restaurant, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually

CUSTOMER = {"name": "Zulmira Quintanilha", "phone": "+351 919 876 543", "email": "zulmira@example.org"}
NOTES, ADDRESS, BELL = "sem coentros zx9", "Travessa das Almas 77", "Toque duas vezes"
CALLED = "Zulmira called from the street"
PLACE = {"lat": 41.14961234, "lon": -8.61105678}
OF_CUSTOMER = ("Zulmira", "Quintanilha", "919 876", "zulmira@", NOTES, ADDRESS, BELL, "41.14961234")
OF_DRIVER = ("Aldegundes",)
LONG = 100
"""Events until a snapshot is taken."""


def everything(url: str) -> dict[str, str]:
    """Every table as text, also what it holds as bytes."""
    with psycopg.connect(url) as connection:
        columns = connection.execute("""
            SELECT format('%I.%I', table_schema, table_name),
                   string_agg(CASE data_type WHEN 'bytea' THEN format($$encode(%I, 'escape')$$, column_name)
                                             ELSE format('%I::text', column_name) END, ', ')
            FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
            WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
            GROUP BY 1
        """).fetchall()
        queries = {table: f"SELECT {chosen} FROM {table}" for table, chosen in columns}  # noqa: S608 - from the catalogue
        return {table: "\n".join(map(str, connection.execute(query))) for table, query in queries.items()}


def in_valkey(url: str) -> str:
    """Every key with all that it holds."""
    with redis.Redis.from_url(url) as valkey:
        read: dict[bytes, Any] = {
            b"string": valkey.get,
            b"hash": valkey.hgetall,
            b"list": lambda key: valkey.lrange(key, 0, -1),
            b"set": valkey.smembers,
            b"zset": lambda key: valkey.zrange(key, 0, -1, withscores=True),
            b"stream": valkey.xrange,
        }
        found = [(key, read[valkey.type(key)](key)) for key in valkey.scan_iter()]
    return repr(found)


def where(tables: dict[str, str], words: tuple[str, ...]) -> set[str]:
    return {table for table, text in tables.items() if any(word in text for word in words)}


class Lived:
    """A customer whose order a driver brought, and support who wrote a hundred notes about it."""

    def __init__(self, client: TestClient[Api], city: City, staff: Person, clock: HandClock) -> None:
        self.restaurant: Restaurant = city.restaurant()
        self.customer = city.customer(**CUSTOMER)
        self.driver = city.log_in(
            city.register(
                "driver", name="Aldegundes Rego", driver={"region": "porto", "vehicle": "bicycle", "capacity": 2}
            )
        )
        asked = basket(self.restaurant) | {
            "lines": [{"item_id": self.restaurant.dish, "quantity": 1, "notes": NOTES}],
            "dropoff": {"position": PLACE, "address": ADDRESS, "instructions": BELL},
        }
        self.order = self.customer.do("/v1/orders", asked)["id"]
        self.restaurant.do(f"/v1/orders/{self.order}/confirmation")
        self.driver.do("/v1/driver/shift")
        ping(self.driver, clock)
        react(client, MatchOrder(order_id=UUID(self.order)), clock)
        offer = eventually(lambda: self.driver.show("/v1/driver/offers")["items"], what="an offer")[0]
        self.driver.do(f"/v1/orders/{self.order}/offers/{offer['offer_id']}/acceptance")
        for _ in range(LONG):
            react(client, AddNote(order_id=UUID(self.order), text=CALLED), clock)
        self.staff = staff

    def deliver(self, client: TestClient[Api], clock: HandClock) -> None:
        self.restaurant.do(f"/v1/orders/{self.order}/preparation")
        self.driver.do(f"/v1/orders/{self.order}/arrival")
        self.restaurant.do(f"/v1/orders/{self.order}/readiness")
        self.driver.do(f"/v1/orders/{self.order}/pickup")
        self.driver.do(f"/v1/orders/{self.order}/delivery")
        react(client, CapturePayment(order_id=UUID(self.order)), clock)
        react(client, CompleteOrder(order_id=UUID(self.order)), clock)


@pytest.fixture
def lived(client: TestClient[Api], city: City, staff: Person, clock: HandClock) -> Lived:
    return Lived(client, city, staff, clock)


@pytest.fixture
def book(settings: Settings) -> Book:
    return Book(settings.seals)


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.database.url, autocommit=True) as connection:
        yield connection


def forget(client: TestClient[Api], subject_id: str) -> forgetting.Forgotten:
    services = client.app.services
    return forgetting.forget(services.tiffin, services.sessions, UUID(subject_id))


def test_nothing_of_a_forgotten_person_is_left(
    client: TestClient[Api],
    lived: Lived,
    settings: Settings,
    clock: HandClock,
    connection: psycopg.Connection[Any],
    book: Book,
    tmp_path: Path,
) -> None:
    lived.deliver(client, clock)
    details = lived.customer.show(f"/v1/orders/{lived.order}")
    before = everything(settings.database.url)
    shown_in = {"public.accounts", "order_details.orders", "order_lists.orders", "order_timeline.steps"}
    assert where(before, OF_CUSTOMER) == shown_in, "the log and the snapshots never had it in the clear"
    assert "order.snapshot" in before["public.snapshots"]
    sealer.seal_new(connection, book, datetime.now(UTC))

    done = forget(client, lived.customer.id)

    assert (done.before, done.erased) == (False, True)
    after = everything(settings.database.url)
    assert where(after, OF_CUSTOMER) == set()
    assert not any(word in in_valkey(settings.valkey.url) for word in OF_CUSTOMER)
    told = [row for row in before["public.events"].splitlines() if row not in after["public.events"]]
    assert told == [], "no event changed"

    sealer.seal_new(connection, book, datetime.now(UTC))
    report = verification.verify_log(
        connection, book.seals(), book.keys(), first=1, last=None, on_progress=lambda _: None
    )
    assert report.ok
    assert report.unsealed == 0
    export.export(
        connection,
        tmp_path / "bundle",
        book.seals(),
        book.keys(),
        first=1,
        last=None,
        catalogue=b"",
        now=clock.now(),
        on_progress=lambda _: None,
    )
    exported = "".join(map(repr, export.events(tmp_path / "bundle")))
    assert "order.placed" in exported
    assert not any(word in exported for word in OF_CUSTOMER)
    replayed = Bundle(tmp_path / "bundle").replay()
    assert (replayed.orders, replayed.payments) == ({"completed": 1}, {"captured": 1})
    assert replayed.charged_minor == {"EUR": details["price"]["total_minor"]}, "money remains"

    seen = lived.staff.show(f"/v1/support/orders/{lived.order}")
    assert (seen["customer_name"], seen["dropoff"]["address"], seen["lines"][0]["notes"]) == ("erased",) * 3
    assert seen["price"] == details["price"]
    assert seen["placed_at"] == details["placed_at"]
    assert seen["driver_name"] == "Aldegundes Rego", "nobody else is forgotten"
    steps = lived.staff.show(f"/v1/support/orders/{lived.order}/timeline")["steps"]
    assert steps[0]["ip"] == "erased"
    assert {step["ip"] for step in steps if step["actor_type"] == "driver"} == {"testclient"}


def test_what_is_shown_afterwards_is_what_the_log_says(
    client: TestClient[Api], lived: Lived, settings: Settings, clock: HandClock
) -> None:
    lived.deliver(client, clock)
    forget(client, lived.customer.id)
    assert client.app.services.tiffin.store.load(DRIVER, UUID(lived.driver.id)).on_shift
    assert forget(client, lived.driver.id).rewritten
    assert not client.app.services.tiffin.store.load(DRIVER, UUID(lived.driver.id)).on_shift
    assert where(everything(settings.database.url), OF_CUSTOMER + OF_DRIVER) == set()
    assert not any(word in in_valkey(settings.valkey.url) for word in OF_DRIVER)
    reader, engine = log_reader(settings, client.app.services.tiffin.keys), open_engine(settings.database.url)
    for projection in PROJECTIONS:
        found = recheck.compare(engine, reader, projection, lambda *_: None)
        assert (found.wrong, found.missing) == ([], []), projection.name
    state = client.app.services.tiffin.store.load(ORDER, UUID(lived.order))
    assert (state.dropoff_position.lat, state.dropoff_position.lon) == (0.0, 0.0)


def test_where_a_forgotten_driver_was_is_forgotten_too(
    client: TestClient[Api], lived: Lived, city: City, settings: Settings, clock: HandClock
) -> None:
    lived.deliver(client, clock)
    tiffin, driver_id = client.app.services.tiffin, UUID(lived.driver.id)
    eventually(lambda: track(tiffin.reads, driver_id, NOON, clock.now()), what="the history is written")

    forget(client, lived.driver.id)

    assert track(tiffin.reads, driver_id, NOON, clock.now()) == []
    late, other = TrackWriter(settings.database, settings.positions, clock), UUID(city.driver().id)
    here = Position(**HERE)
    late.take([Ping(driver_id, here, clock.now()), Ping(other, here, clock.now())], b"aa")
    late.flush()
    late.hang_up()
    assert track(tiffin.reads, driver_id, NOON, clock.now()) == [], "nor comes back from a buffer"
    assert len(track(tiffin.reads, other, NOON, clock.now())) == 1


def test_whoever_has_something_under_way_is_not_forgotten_yet(
    client: TestClient[Api], lived: Lived, clock: HandClock
) -> None:
    for person, said in ((lived.customer, f"Order {lived.order} is under way"), (lived.driver, "carries an order")):
        with pytest.raises(forgetting.StillBusy, match=said):
            forget(client, person.id)
    assert lived.customer.show(f"/v1/orders/{lived.order}")["dropoff"]["address"] == ADDRESS
    lived.deliver(client, clock)
    assert not forget(client, lived.customer.id).before


def test_a_forgotten_person_is_gone_for_everybody(
    client: TestClient[Api], lived: Lived, city: City, clock: HandClock
) -> None:
    lived.deliver(client, clock)
    first = forget(client, lived.customer.id)
    assert lived.customer.get("/v1/orders").status_code == 401, "their sessions are over"
    answer = client.post("/v1/sessions", json={"email": CUSTOMER["email"], "password": "long enough"})
    assert answer.status_code == 401
    noted = Context(meta=Meta(), now=clock.now())
    with pytest.raises(Forgotten):
        client.app.services.execute(noted, AddNote(order_id=UUID(lived.order), text="Zulmira again"))
    again = forget(client, lived.customer.id)
    assert (again.before, again.at) == (True, first.at), "once more does no harm"
    assert city.customer(**CUSTOMER).id != lived.customer.id, "who comes back is somebody new"


def test_only_customers_and_drivers_are_forgotten(client: TestClient[Api], city: City, settings: Settings) -> None:
    auditor = appointed(city, settings, "auditor")
    for unknown in (auditor.id, "019c9f00-0000-7000-8000-000000000001"):
        with pytest.raises(NotFound):
            forget(client, unknown)
