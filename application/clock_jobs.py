"""What the clock sets going, not an event. The follower that leads runs them; each may run twice without harm."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import redis

from application import ears, logs, tracks
from application.bootstrap import Tiffin
from application.commands import ReportSilent
from application.context import Context
from application.execute import execute
from application.gateways.payments.port import PaymentUnavailable
from application.ids import new_id
from application.seals.book import Book, UnreadableSeals
from application.seals.figures import seal_failures_total, seals_published_total
from application.seals.sealer import NotTheLog, seal_new
from application.store import StoreBusy
from domain.errors import Refusal
from domain.event import Meta
from domain.region import Dispatch
from projections.connections import driver

log = logs.logger(__name__)

LOOSE_SECONDS = 60.0
"""No placing request lives this long: a hold without an order has been left behind."""
LOOSE_AT_ONCE = 1_000
PURGED_AT_ONCE = 5_000
TICK_SECONDS = 0.25
REPORTED_AT_ONCE = 200
"""Of a region, in one look; the next finds the others. When a mobile network is down, other jobs must not wait for
thousands, nor must the looks be so far apart that we seem deaf."""
DEAF_AFTER = timedelta(seconds=5)
"""Machine time between two looks at who is silent after which silence counts anew."""

PURGES = {
    "idempotency": "created_at < %(machine_now)s::timestamptz - interval '24 hours'",
    "reactions": "state = 'done' AND finished_at < %(machine_now)s::timestamptz - interval '7 days'",
    "sessions": "expires_at < %(machine_now)s::timestamptz",
}
"""Tables, and what of them may go."""
PURGE = "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {past} LIMIT %(limit)s))"
PLACED = "SELECT originator_id FROM events WHERE originator_id = ANY(%(order_ids)s) AND originator_version = 1"


class Job(msgspec.Struct, frozen=True):
    """A job and the machine time between two runs of it."""

    every: timedelta
    run: Callable[[Tiffin], None]


class SilenceWatch:
    """Reports drivers of whom nothing was heard for too long, and who could have been heard.

    While Valkey, every API process or whoever watches was away nobody was: silence then counts from the return, or the
    first look after it would take their orders from all drivers at once.
    """

    def __init__(self) -> None:
        """Nothing is known of the time before."""
        self._looked: datetime | None = None
        self._since: tuple[datetime, datetime] = (datetime.max.replace(tzinfo=UTC),) * 2

    def report_silent_drivers(self, tiffin: Tiffin) -> None:
        """Look once. Raises redis.RedisError."""
        if not ears.listening(tiffin.valkey, tiffin.settings.world.prefix):
            self._looked = None
            return
        now, machine_now = tiffin.clock.now(), tiffin.clock.machine_now()
        if self._looked is None or machine_now - self._looked > DEAF_AFTER:
            self._since = now, machine_now
            log.info("silence counts from now")
        self._looked = machine_now
        for region_id, region in tiffin.regions.items():
            if self._could_have_heard(region.dispatch, now, machine_now):
                _report_silent(tiffin, region_id, now, machine_now)

    def _could_have_heard(self, dispatch: Dispatch, now: datetime, machine_now: datetime) -> bool:
        since, machine_since = self._since
        return (
            now - since >= timedelta(seconds=dispatch.silent_seconds)
            and machine_now - machine_since >= timedelta(seconds=dispatch.silent_machine_seconds)
        )  # fmt: skip


def _report_silent(tiffin: Tiffin, region_id: str, now: datetime, machine_now: datetime) -> None:
    reported = 0
    for silent in tiffin.positions.sweep(region_id, now=now, machine_now=machine_now):
        if reported == REPORTED_AT_ONCE:
            log.warning("more drivers are silent than are reported at once", region=region_id)
            return
        command = ReportSilent(driver_id=silent.driver_id, last_seen_at=silent.last_seen_at)
        try:
            # Nobody asked for it: what it sets going is found by an id of its own.
            execute(tiffin, Context(meta=Meta(correlation_id=str(new_id())), now=now), command)
        except Refusal as refusal:
            log.info("silence not reported", driver_id=str(silent.driver_id), reason=str(refusal))
        else:
            reported += 1


def seal_log(tiffin: Tiffin) -> None:
    """Seal what is new. What does not fit is an alarm in the log, at every run."""
    book = Book(tiffin.settings.seals)
    try:
        with seal_failures_total.count_exceptions(), tiffin.reads.connect() as connection:
            seals = seal_new(driver(connection), book, tiffin.clock.machine_now())
    except (NotTheLog, UnreadableSeals) as error:
        log.critical("the log cannot be sealed", error=str(error))
    else:
        seals_published_total.inc(len(seals))


def release_loose_holds(tiffin: Tiffin) -> None:
    """Let go of money that is held for orders that were never appended."""
    holds = tiffin.payments.loose_holds(untouched_seconds=LOOSE_SECONDS, limit=LOOSE_AT_ONCE)
    if not holds:
        return
    placed = {row[0] for row in tiffin.side.run(PLACED, {"order_ids": [hold.order_id for hold in holds]})}
    tiffin.payments.vouch([hold.payment_id for hold in holds if hold.order_id in placed])
    left_behind = [hold.payment_id for hold in holds if hold.order_id not in placed]
    if left_behind:
        tiffin.payments.lapse(left_behind)
        log.info("holds without an order let go", payment_ids=left_behind)


def purge(tiffin: Tiffin) -> None:
    """Delete what is past its time, a handful at once."""
    for table, past in PURGES.items():
        statement = PURGE.format(table=table, past=past)
        tiffin.side.run(statement, {"machine_now": tiffin.clock.machine_now(), "limit": PURGED_AT_ONCE})


def keep_tracks(tiffin: Tiffin) -> None:
    """Make the partitions of drivers' positions that are needed next, drop those past their time."""
    with tiffin.reads.connect() as connection:
        dropped = tracks.keep_partitions(driver(connection), tiffin.clock.now(), tiffin.settings.positions.history_days)
    if dropped:
        log.info("positions past their time dropped", partitions=dropped)


JOBS = (
    Job(timedelta(seconds=1), seal_log),
    Job(timedelta(seconds=5), release_loose_holds),
    Job(timedelta(seconds=60), purge),
    Job(timedelta(seconds=60), keep_tracks),
)
"""Those that remember nothing from one run to the next."""


def run(tiffin: Tiffin, stopping: threading.Event, leading: threading.Event) -> None:
    """Run every job when its time comes, as long as this process leads. A job that fails has its next run."""
    jobs = (Job(timedelta(seconds=1), SilenceWatch().report_silent_drivers), *JOBS)
    due = dict.fromkeys(range(len(jobs)), tiffin.clock.machine_now())
    while not stopping.wait(TICK_SECONDS):
        for number, job in enumerate(jobs):
            machine_now = tiffin.clock.machine_now()
            if leading.is_set() and machine_now >= due[number]:
                due[number] = machine_now + job.every
                _run(tiffin, job)


def _run(tiffin: Tiffin, job: Job) -> None:
    try:
        job.run(tiffin)
    except (redis.RedisError, psycopg.OperationalError, StoreBusy, PaymentUnavailable) as error:
        log.warning("clock job put off", job=job.run.__name__, error=str(error))
    except Exception:
        # One job's fault must not keep the others from their time.
        log.exception("clock job failed", job=job.run.__name__)
