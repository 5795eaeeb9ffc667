"""The planner's process: one leads, by an advisory lock, and plans the regions whose dispatch asks for it in turn.

The database ends the session that holds the lock once it has been quiet for a lease: so a standby leads after one that
hangs, too. Who wakes up finds the session gone; what it was about to do meets leases and claims as everybody's does.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import redis

from application import logs
from application.bootstrap import Tiffin
from application.planner.planner import Planner
from application.reactions.actors import Work
from application.store import StoreBusy

log = logs.logger(__name__)

LOCK = 7_214_005
STANDBY_SECONDS = 0.5
LEAST_SECONDS = 0.25
"""Machine time from one plan of a region to the next, at least: on a fast clock nothing else would be done."""
PAUSE_SECONDS = 1.0
LEAST_LEASE_SECONDS = 10.0
LEASE_WINDOWS = 3
"""As long as what is published lives; a step that takes longer loses the lead."""
BEATS_A_LEASE = 5

type Connection = psycopg.Connection[tuple[Any, ...]]


def run(tiffin: Tiffin, stopping: threading.Event) -> None:
    """Lead whenever nobody else does, until told to stop."""
    while not stopping.is_set():
        try:
            with psycopg.connect(
                tiffin.settings.database.url,
                autocommit=True,
                connect_timeout=tiffin.settings.database.connect_timeout_seconds,
                application_name="tiffin-planner",
                options=f"-c idle_session_timeout={round(lease_seconds(tiffin) * 1000)}",
            ) as connection:
                while not stopping.is_set() and not _take_lead(connection):
                    stopping.wait(STANDBY_SECONDS)
                if not stopping.is_set():
                    log.info("planner leads")
                    _lead(tiffin, connection, stopping)
        except psycopg.OperationalError as error:
            log.warning("planner lost the database", error=str(error))
            stopping.wait(PAUSE_SECONDS)


def _lead(tiffin: Tiffin, connection: Connection, stopping: threading.Event) -> None:
    work = Work(tiffin)
    planners = {
        region.id: Planner(tiffin, work, region, region.dispatch.planning)
        for region in tiffin.regions.values()
        if region.dispatch.planning is not None
    }
    due = dict.fromkeys(planners, tiffin.clock.machine_now())
    while not stopping.is_set():
        for region_id, planner in planners.items():
            if due[region_id] <= tiffin.clock.machine_now():
                due[region_id] = _next(tiffin, region_id)
                _try(planner.step, region_id)
                connection.execute("SELECT")
        beat_at = tiffin.clock.machine_now() + timedelta(seconds=lease_seconds(tiffin) / BEATS_A_LEASE)
        first = min([beat_at, *due.values()])
        stopping.wait(max(0.0, (first - tiffin.clock.machine_now()).total_seconds()))
        connection.execute("SELECT")
    # Otherwise searches would wait for plans until the key runs out.
    for region_id, planner in planners.items():
        _try(planner.stand_back, region_id)


def lease_seconds(tiffin: Tiffin) -> float:
    """Machine time after which a planner that gives no sign of life leads no more."""
    now = tiffin.clock.now()
    windows = [
        tiffin.clock.machine_seconds_until(now + timedelta(seconds=region.dispatch.planning.every_seconds))
        for region in tiffin.regions.values()
        if region.dispatch.planning is not None
    ]
    return max([LEAST_LEASE_SECONDS, *(LEASE_WINDOWS * seconds for seconds in windows)])


def _try(act: Callable[[], object], region_id: str) -> None:
    try:
        act()
    except (redis.RedisError, psycopg.OperationalError, StoreBusy) as error:
        log.warning("plan put off", region=region_id, error=str(error))
    except Exception:
        # One region's fault must not keep the others from their plans; searches go on one by one meanwhile.
        log.exception("plan failed", region=region_id)


def _next(tiffin: Tiffin, region_id: str) -> datetime:
    planning = tiffin.regions[region_id].dispatch.planning
    assert planning is not None, "only regions that plan have a planner"  # noqa: S101 - narrows the type
    seconds = tiffin.clock.machine_seconds_until(tiffin.clock.now() + timedelta(seconds=planning.every_seconds))
    return tiffin.clock.machine_now() + timedelta(seconds=max(LEAST_SECONDS, seconds))


def _take_lead(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    return row is not None and bool(row[0])
