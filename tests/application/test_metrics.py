"""Metrics: the names dashboards know, right across processes, with what the database counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text

from application import metrics
from application.ids import new_id
from application.seals.book import Book
from application.settings import SealSettings
from domain.driver import events as driver
from domain.order import events as order
from projections import driver_board, generations, order_totals
from projections.connections import open_engine
from projections.registry import PROJECTIONS
from tests.projections.history import History, assigned, joined, placed, whole_order

SPEC = {
    "http_request_duration_seconds": ("0.01", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0"),
    "driver_match_duration_seconds": ("0.1", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0"),
    "geo_query_duration_seconds": ("0.001", "0.005", "0.01", "0.025", "0.05", "0.1"),
}

COUNTING = """
from application import metrics
metrics.driver_location_updates_total.inc({pings})
metrics.http_request_duration_seconds.labels("POST", "/v1/orders", "201").observe(0.02)
metrics.eta_accuracy_minutes.observe(-4)
metrics.count_projected("tables", {{"inbox": 5, "order_details": {pings}}}, 0.002)
"""

RENDERING = """
import sys
from pathlib import Path
from sqlalchemy import create_engine
from application import metrics
from application.seals.book import Book
from application.settings import SealSettings
Path(sys.argv[2]).write_bytes(metrics.render(create_engine(sys.argv[1]), Book(SealSettings()))[0])
"""


def samples(exposed: bytes) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(exposed.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def run(code: str, *args: str, folder: Path) -> None:
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", code, *args]
    subprocess.run(command, env=env, check=True, timeout=60)  # noqa: S603 - our own code


@pytest.mark.parametrize("name", SPEC)
def test_buckets_are_those_of_the_service_levels(name: str) -> None:
    metric = getattr(metrics, name)
    bounds = [str(bound) for bound in metric._upper_bounds if bound != float("inf")]
    assert tuple(bounds) == SPEC[name]


def test_several_processes_are_summed_up_also_after_they_ended(tmp_path: Path) -> None:
    for pings in (3, 4):
        run(COUNTING.format(pings=pings), folder=tmp_path)
    nowhere = "postgresql+psycopg://127.0.0.1:1/none?connect_timeout=1"
    page = tmp_path / "page"
    run(RENDERING, nowhere, str(page), folder=tmp_path)
    found = samples(page.read_bytes())
    assert found["driver_location_updates_total"] == 7
    assert found["http_request_duration_seconds_count{method=POST,route=/v1/orders,status_code=201}"] == 2
    assert found["eta_accuracy_minutes_bucket{le=-3.0}"] == 2
    assert found["projection_events_total{projection=inbox}"] == 10
    assert found["projection_events_total{projection=order_details}"] == 7
    assert found["projection_batch_seconds_bucket{lane=tables,le=0.0025}"] == 2
    assert found["database_up"] == 0


def test_the_database_counts_orders_drivers_lag_and_reactions(postgres_url: str, tmp_path: Path) -> None:
    history = History()
    history.tell(new_id(), *whole_order())
    history.tell(new_id(), placed(), order.Confirmed(prep_seconds=60))
    saving = order.Batched(stops=(), delay_seconds=0.0, efficiency=0.9, saved_m=1_200.0, saved_seconds=90.0)
    history.tell(new_id(), *whole_order()[:5], replace(assigned(), batch=saving))
    for silent in (True, False):
        driver_id = new_id()
        history.tell(driver_id, joined(), driver.ShiftStarted())
        if silent:
            history.tell(driver_id, driver.WentSilent(last_seen_at=history.now))
    with open_engine(postgres_url).connect() as connection:
        generations.ensure(connection, PROJECTIONS)
        history.store(connection)
        for projection in (order_totals.PROJECTION, driver_board.PROJECTION):
            history.fold(connection, projection)
        for position, state in ((1, "pending"), (2, "pending"), (3, "dead")):
            connection.execute(
                text(
                    "INSERT INTO reactions (position, actor_name, stream_id, topic, due_at, state, created_at)"
                    " VALUES (:position, 'matching.match_order', :stream, 'order.confirmed', now(), :state, now())"
                ),
                {"position": position, "state": state, "stream": new_id()},
            )
        connection.commit()
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    body, media_type = metrics.render(engine, Book(SealSettings(folder=tmp_path)))
    engine.dispose()
    found = samples(body)
    assert media_type.startswith("text/plain")
    assert found["database_up"] == 1
    assert found["orders_total{status=placed}"] == 3
    assert found["bundled_orders_total"] == 1
    assert (found["bundled_saved_metres"], found["bundled_saved_minutes"]) == (1_200, 1.5)
    assert found["orders_total{status=completed}"] == 1
    assert found["orders_active{status=confirmed}"] == 2
    assert (found["drivers_active"], found["drivers_silent"], found["orders_driver_silent"]) == (1, 1, 0)
    assert found["projection_lag_events{projection=order_details}"] == history.position
    assert found["reactions_pending{actor=matching.match_order}"] == 2
    assert found["reactions_dead"] == 1
    assert "driver_location_updates_total" in found
