"""Sessions end at once, whoever ends them."""

import uuid

import psycopg
import redis
from litestar.testing import TestClient

from api.app import Api
from application.settings import Settings
from tests.api.conftest import appointed
from tests.api.people import City


def test_a_session_says_who_it_is(city: City) -> None:
    customer = city.customer()
    session = customer.show("/v1/sessions/current")
    assert (session["role"], session["subject_id"], session["name"]) == ("customer", customer.id, "Customer Silva")


def test_log_out_ends_this_session_and_no_other(city: City) -> None:
    account = city.register("customer")
    here, there = city.log_in(account), city.log_in(account)
    here.do("/v1/sessions/current", method="DELETE")
    assert here.get("/v1/orders").status_code == 401
    assert there.get("/v1/orders").status_code == 200


def test_ending_all_sessions_ends_all(city: City) -> None:
    account = city.register("customer")
    people = [city.log_in(account) for _ in range(3)]
    people[0].do("/v1/sessions", method="DELETE")
    assert [person.get("/v1/orders").status_code for person in people] == [401] * 3


def test_an_admin_ends_anybodys(city: City, settings: Settings) -> None:
    account = city.register("customer")
    person, admin = city.log_in(account), appointed(city, settings, "admin")
    account_id = person.show("/v1/sessions/current")["account_id"]
    assert person.post(f"/v1/accounts/{account_id}/sessions", method="DELETE").status_code == 403
    admin.do(f"/v1/accounts/{account_id}/sessions", method="DELETE")
    assert person.get("/v1/orders").status_code == 401
    assert admin.post(f"/v1/accounts/{uuid.uuid4()}/sessions", method="DELETE").status_code == 404


def test_an_admin_appoints_staff(city: City, settings: Settings) -> None:
    admin = appointed(city, settings, "admin")
    staff = {"email": "aud@example.com", "password": "long enough", "role": "auditor", "name": "Aud"}
    opened = admin.do("/v1/accounts", staff)
    assert opened["account_id"] == opened["subject_id"]
    assert city.log_in(staff).get("/v1/audit/events").status_code == 200


def test_no_token_is_stored(city: City, settings: Settings) -> None:
    customer = city.customer()
    with psycopg.connect(settings.database.url) as connection:
        rows = connection.execute("SELECT s::text, a::text FROM sessions s, accounts a").fetchall()
    with redis.Redis.from_url(settings.valkey.url) as valkey:
        cached = [(key, valkey.get(key)) for key in valkey.scan_iter("session:*")]
    assert rows
    assert cached
    assert customer.token not in str(rows)
    assert customer.token not in str(cached)
    assert "long enough" not in str(rows)


def test_sessions_outlive_a_cache_that_forgot_them(city: City, settings: Settings) -> None:
    customer = city.customer()
    _forget(settings)
    assert customer.get("/v1/orders").status_code == 200


def test_a_revoked_session_stays_revoked_when_the_cache_forgets(city: City, settings: Settings) -> None:
    customer = city.customer()
    customer.do("/v1/sessions/current", method="DELETE")
    _forget(settings)
    assert customer.get("/v1/orders").status_code == 401


def test_a_disabled_account_cannot_log_in(client: TestClient[Api], city: City, settings: Settings) -> None:
    account = city.register("customer")
    with psycopg.connect(settings.database.url) as connection:
        connection.execute("UPDATE accounts SET disabled_at = now() WHERE email = %s", (account["email"],))
    body = {"email": account["email"], "password": account["password"]}
    assert client.post("/v1/sessions", json=body).status_code == 401


def _forget(settings: Settings) -> None:
    with redis.Redis.from_url(settings.valkey.url) as valkey:
        keys = list(valkey.scan_iter("session:*"))
        assert keys
        valkey.delete(*keys)
