"""Every connection to PostgreSQL is cut while offers are made, answered and handed on: all go on as if nothing were."""

from pathlib import Path

import psycopg

from application.settings import Settings
from tests.application.reactions.log_lock import log_locked
from tests.faults import ledger
from tests.faults.crowd import Crowd
from tests.faults.orders import completed, confirmed, evening
from tests.faults.stage import whole
from tests.waiting import eventually

CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'holds-the-log'"""


def test_connections_are_cut_in_the_middle_of_an_offer(settings: Settings, tmp_path: Path) -> None:
    url = settings.database.url
    with whole(settings, tmp_path) as scene, Crowd(scene.base_url) as crowd:
        people = evening(scene, crowd, drivers=3)
        near = people.riders[0]
        watcher_of = confirmed(crowd, people)
        eventually(lambda: ledger.standing_assignments(ledger.rows(url)), what="one order is on its way")
        watcher = crowd.watcher(people.customer, watcher_of)
        eventually(lambda: watcher.first("position", after=0.0), what="it is watched")
        searching = confirmed(crowd, people)
        with log_locked(f"{url}&application_name=holds-the-log") as waiting:
            eventually(waiting, what="the next offer, or its answer, is being appended")
            assert cut(url) > 5
        also = confirmed(crowd, people)
        orders = [watcher_of, searching, also]
        completed(settings, crowd, orders)
        eventually(lambda: watcher.first("order", after=0.0, status="delivered"), what="the stream went on to the end")
        assert watcher.lines == 1
        assert near.lines == 1, "nor is a device's connection lost with the database's"
    log = ledger.rows(url)
    assert ledger.count(log, "order.driver_assigned") == len(orders)


def cut(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(CUT).rowcount
