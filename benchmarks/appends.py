"""Bare appends and loads of one process: `python -m benchmarks.appends --threads 16 --placements 6000`.

A placement is an append of two events of a new order with an idempotency key, to an embedded PostgreSQL of its own that
flushes every commit; then every order is loaded. No HTTP, no projections.
"""

import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import click

import migrations
from application.engines.embedded import embedded
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.kinds import ORDER
from application.settings import DatabaseSettings, PoolSettings
from application.store import Answer, Change, Idempotency
from domain import order
from domain.event import Event, Meta, Role
from domain.geo import Position

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
PLACE = Position(lat=41.15, lon=-8.61)
ID = new_id()


@click.command()
@click.option("--threads", type=click.IntRange(1, 200), default=16, show_default=True)
@click.option("--placements", type=click.IntRange(100, 1_000_000), default=6_000, show_default=True)
def main(threads: int, placements: int) -> None:
    """Measure, and print one JSON line last."""
    with tempfile.TemporaryDirectory(prefix="tiffin-appends-") as folder, embedded(Path(folder)) as engines:
        migrations.upgrade(engines.database_url)
        pool = PoolSettings(max_size=threads, checkout_timeout_seconds=30)
        store = PostgresEventStore(DatabaseSettings(url=engines.database_url, store_pool=pool, lock_timeout_seconds=30))
        orders = [new_id() for _ in range(placements)]
        at = Meta(actor_type=Role.CUSTOMER, actor_id=ID, correlation_id="benchmark", ip="127.0.0.1")

        def place(number: int) -> None:
            events, stream = _placed(), orders[number]
            key = Idempotency(actor="a", operation="place_order", key=str(stream), payload_hash=bytes(32))
            answer = Answer(id=stream, status="placed", version=2)
            store.append([Change(stream, 0, events)], answer=answer, meta=at, occurred_at=NOON, idempotency=key)

        def load(number: int) -> None:
            store.load(ORDER, orders[number])

        result = {
            "threads": threads,
            "placements_per_s": _rate(place, placements, threads),
            "loads_per_s": _rate(load, placements, threads),
        }
        store.close()
    print(json.dumps(result))


def _rate(work: Callable[[int], None], times: int, threads: int) -> float:
    """Times a second, each thread taking every `threads`-th number."""

    def run(first: int) -> None:
        for number in range(first, times, threads):
            work(number)

    with ThreadPoolExecutor(threads) as pool:
        begun = time.perf_counter()
        list(pool.map(run, range(threads)))
        return round(times / (time.perf_counter() - begun), 1)


def _placed() -> list[Event]:
    lines = tuple(
        order.Line(item_id=ID, name="Francesinha", unit_price_minor=1_000, quantity=1, total_minor=1_000)
        for _ in range(2)
    )
    price = order.Price(
        currency="EUR",
        subtotal_minor=2_000,
        delivery_fee_minor=199,
        service_fee_minor=100,
        tax_minor=299,
        tip_minor=100,
        total_minor=2_698,
    )
    placed = order.Placed(
        customer_id=ID,
        customer_name="Ana",
        region="porto",
        restaurant_id=ID,
        restaurant_name="Casa",
        restaurant_position=PLACE,
        lines=lines,
        price=price,
        dropoff=order.Dropoff(position=PLACE, address="Rua das Flores 1"),
        delivery_distance_m=900.0,
        prep_seconds=600,
        promised_at=NOON,
    )
    return [placed, order.PaymentAuthorized(payment_id="pay-1", amount_minor=price.total_minor, currency="EUR")]


if __name__ == "__main__":
    main()
