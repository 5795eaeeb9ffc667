"""Silence is reported of those who could have been heard."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from application import clock_jobs, commands, ears
from application.bootstrap import Tiffin
from application.clock_jobs import DEAF_AFTER, SilenceWatch
from application.context import Context
from application.execute import execute
from application.ids import new_id
from application.kinds import DRIVER
from application.positions import Ping
from domain.event import Meta
from domain.region import PORTO
from projections.valkey import functions
from tests.domain.scenario import NOON

SILENT_SECONDS = PORTO.dispatch.silent_seconds


class HandClocks:
    """Both kinds of time go on when a test says so."""

    def __init__(self) -> None:
        self._now = NOON

    def now(self) -> datetime:
        return self._now

    machine_now = now

    def machine_seconds_until(self, business: datetime) -> float:
        return max(0.0, (business - self._now).total_seconds())

    def move(self, by: timedelta) -> None:
        self._now += by


class Night:
    """One driver who carries an order, and who watches."""

    def __init__(self, tiffin: Tiffin) -> None:
        self.clock = HandClocks()
        self.tiffin = replace(tiffin, clock=self.clock)
        self.watch = SilenceWatch()
        functions.call(tiffin.valkey, "begin", tiffin.positions.keys[PORTO.id].written, "1")
        self.driver_id = self.join()

    def join(self) -> UUID:
        driver_id = new_id()
        joined = commands.RegisterDriver(
            driver_id=driver_id, name="Ana", phone="+351 910 000 000", region=PORTO.id, vehicle="bicycle"
        )
        for command in (joined, commands.StartShift(driver_id=driver_id)):
            execute(self.tiffin, Context(meta=Meta(), now=NOON), command)
        self.follow(driver_id, "D")
        return driver_id

    def follow(self, driver_id: UUID, flag: str) -> None:
        """As the projection does."""
        keys = self.tiffin.positions.keys[PORTO.id].written
        functions.call(self.tiffin.valkey, "follow", keys, "1", 0, "1", 0, 1, str(driver_id), flag, "0102", "{}")

    def ping(self) -> None:
        now = self.clock.now()
        ping = Ping(self.driver_id, PORTO.center, now)
        assert self.tiffin.positions.record(PORTO.id, [ping], now=now, machine_now=now).accepted == 1

    def go_on(self, seconds: float, *, pinging: bool = False, listening: bool = True) -> None:
        """As the follower does: a look every second."""
        key = ears.key(self.tiffin.settings.world.prefix)
        self.tiffin.valkey.set(key, 1) if listening else self.tiffin.valkey.delete(key)
        for _ in range(round(seconds)):
            self.clock.move(timedelta(seconds=1))
            if pinging:
                self.ping()
            self.watch.report_silent_drivers(self.tiffin)

    @property
    def silent(self) -> bool:
        return self.fell_silent(self.driver_id)

    def fell_silent(self, driver_id: UUID) -> bool:
        return self.tiffin.store.load(DRIVER, driver_id).silent


@pytest.fixture
def night(tiffin: Tiffin) -> Night:
    return Night(tiffin)


def test_who_says_nothing_for_half_a_minute_is_silent(night: Night) -> None:
    night.go_on(SILENT_SECONDS, pinging=True)
    night.go_on(SILENT_SECONDS)
    assert not night.silent
    night.go_on(2)
    assert night.silent


def test_after_an_outage_drivers_have_their_time_to_be_heard_again(night: Night) -> None:
    night.go_on(2 * SILENT_SECONDS, pinging=True)
    night.clock.move(timedelta(seconds=60))  # nobody looks: Valkey is away, or the follower
    night.go_on(SILENT_SECONDS - 1)
    assert not night.silent
    night.ping()
    night.go_on(SILENT_SECONDS)
    assert not night.silent
    night.go_on(2)
    assert night.silent, "they still can fall silent"


def test_a_pause_that_nobody_notices_changes_nothing(night: Night) -> None:
    night.go_on(2 * SILENT_SECONDS, pinging=True)
    night.clock.move(DEAF_AFTER - timedelta(seconds=1))
    night.go_on(SILENT_SECONDS)
    assert night.silent


def test_who_begins_to_watch_hears_everybody_out(night: Night) -> None:
    night.ping()
    night.clock.move(timedelta(hours=1))
    night.go_on(1)
    assert not night.silent
    night.go_on(SILENT_SECONDS + 1)
    assert night.silent


def test_while_nobody_listens_nobody_is_silent(night: Night) -> None:
    """No API process runs: drivers cannot be heard, whatever Valkey does."""
    night.go_on(2 * SILENT_SECONDS, pinging=True)
    night.go_on(5 * SILENT_SECONDS, listening=False)
    night.go_on(SILENT_SECONDS - 1)
    assert not night.silent, "they have their time to connect again"
    night.go_on(3)
    assert night.silent


def test_of_very_many_some_are_reported_at_each_look(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_jobs, "REPORTED_AT_ONCE", 2)
    crowd = [night.driver_id, *(night.join() for _ in range(4))]
    looks = [0]
    while looks[-1] < len(crowd):
        night.go_on(1)
        looks.append(sum(map(night.fell_silent, crowd)))
        assert looks[-1] - looks[-2] <= 2
        # The projection tells Valkey of them.
        for driver_id in filter(night.fell_silent, crowd):
            night.follow(driver_id, "S")
    assert sorted(set(looks)) == [0, 2, 4, 5]
