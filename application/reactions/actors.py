"""What workers do: claim rows, turn each into one command, and close, postpone or bury it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from enum import Enum, auto

import dramatiq
import msgspec

from application import commands, intentions, logs
from application.bootstrap import Tiffin
from application.breakers import Breaker, BreakerOpen, Limits
from application.context import Context
from application.execute import execute
from application.gateways.payments.port import PaymentUnavailable
from application.matching import PlanOvertaken
from application.reactions import rows
from application.reactions.broker import HintBroker
from application.reactions.rows import Claimed
from application.reactions.rules import SEARCH
from application.store import Closing, Fenced, StoreBusy
from domain.errors import Refusal
from domain.event import Meta
from projections.failures import told

log = logs.logger(__name__)

QUEUES = ("matching", "offers", "eta", "payments", "notifications")
MATCHING_PAUSE = timedelta(seconds=10)
AWAY_PAUSE = timedelta(seconds=5)
LEFT_PAUSE = timedelta(seconds=3)


class Outcome(Enum):
    """What became of a row's command."""

    DONE = auto()
    LEFT = auto()
    """To the region's planner."""
    OVERTAKEN = auto()
    """The plan's driver could not be asked."""
    UNDONE = auto()
    """Refused, failed, put off or somebody else's: the row says which."""


class Actor(msgspec.Struct, frozen=True):
    """A process's step: the queue it waits in, the command it issues, and how urgent it is (lower goes first)."""

    queue: str
    command: Callable[[Claimed], msgspec.Struct]
    priority: int


ACTORS: Mapping[str, Actor] = {
    "matching.match_order": Actor("matching", lambda row: commands.MatchOrder(order_id=row.stream_id), 0),
    "offers.expire_offer": Actor("offers", lambda row: commands.ExpireOffer(order_id=row.stream_id), 0),
    "drivers.release_absent": Actor("offers", lambda row: commands.ReleaseAbsentDriver(driver_id=row.stream_id), 10),
    "orders.reject_unanswered": Actor("offers", lambda row: commands.RejectUnanswered(order_id=row.stream_id), 20),
    "payments.capture": Actor("payments", lambda row: commands.CapturePayment(order_id=row.stream_id), 30),
    "payments.release": Actor("payments", lambda row: commands.ReleasePayment(order_id=row.stream_id), 30),
    "orders.complete": Actor("payments", lambda row: commands.CompleteOrder(order_id=row.stream_id), 30),
    "eta.revise": Actor("eta", lambda row: commands.ReviseEta(order_id=row.stream_id), 40),
    "orders.request_review": Actor("notifications", lambda row: commands.RequestReview(order_id=row.stream_id), 50),
}
"""Every actor a rule may name."""


def matching_breaker() -> Breaker:
    """10 s, 50 %, 30 s, at least 3 calls. A refusal or a lost lease is no failure of matching."""
    return Breaker(
        "matching",
        Limits(timeout_seconds=10.0, failure_rate=0.5, reset_seconds=30.0, min_calls=3),
        counts=lambda error: not isinstance(error, Refusal | Fenced | PlanOvertaken),
    )


class Work:
    """What a worker process does with messages: shared by its threads."""

    def __init__(self, tiffin: Tiffin, *, breaker: Breaker | None = None) -> None:
        """`breaker` stands before matching."""
        self._tiffin = tiffin
        self._breaker = breaker or matching_breaker()

    def do(self, actor_name: str, positions: Sequence[int]) -> None:
        """Do those of an actor's rows that are due and nobody's, one after the other."""
        tiffin = self._tiffin
        now, machine_now = tiffin.clock.now(), tiffin.clock.machine_now()
        for row in rows.claim(tiffin.side, actor_name, positions, now=now, machine_now=machine_now):
            self.carry_out(row, ACTORS[actor_name].command(row), unless_planned=actor_name == SEARCH)

    def carry_out(self, row: Claimed, command: msgspec.Struct, *, unless_planned: bool = False) -> Outcome:
        """Issue a claimed row's command and say what became of it.

        Whatever goes wrong ends in the row; what even that cannot reach is found when the lease has run out.
        """
        with logs.context(correlation_id=row.correlation_id, reaction=f"{row.position} {row.actor_name}"):
            return self._carry_out(row, command, unless_planned=unless_planned)

    def _carry_out(self, row: Claimed, command: msgspec.Struct, *, unless_planned: bool) -> Outcome:
        tiffin = self._tiffin
        try:
            if unless_planned and row.region is not None and intentions.planned(tiffin, row.region):
                self._leave(row)
                return Outcome.LEFT
            self._issue(row, command)
        except Fenced:
            log.info("reaction taken over by somebody else")
        except PlanOvertaken as error:
            log.info("plan overtaken", reason=str(error))
            self._leave(row)
            return Outcome.OVERTAKEN
        except Refusal as refusal:
            rows.close(tiffin.side, row, f"refused: {refusal}", machine_now=tiffin.clock.machine_now())
            log.info("reaction refused", reason=str(refusal))
        except BreakerOpen as error:
            until = tiffin.clock.machine_now() + MATCHING_PAUSE
            rows.postpone(
                tiffin.side, row, until=until, outcome="queued: driver matching will retry shortly", error=str(error)
            )
        except (PaymentUnavailable, StoreBusy) as error:
            until = tiffin.clock.machine_now() + AWAY_PAUSE
            rows.postpone(tiffin.side, row, until=until, outcome="waits for another system", error=str(error))
        except Exception as error:
            log.exception("reaction failed", attempts=row.attempts)
            if rows.fail(tiffin.side, row, told(error), machine_now=tiffin.clock.machine_now()):
                log.error("reaction given up", attempts=row.attempts)  # noqa: TRY400 - the traceback is logged above
        else:
            return Outcome.DONE
        return Outcome.UNDONE

    def _leave(self, row: Claimed) -> None:
        """To the region's planner; should that die, the search goes on by itself after the pause."""
        until = self._tiffin.clock.machine_now() + LEFT_PAUSE
        rows.postpone(self._tiffin.side, row, until=until, outcome=rows.LEFT, error="")

    def _issue(self, row: Claimed, command: msgspec.Struct) -> None:
        tiffin = self._tiffin
        ctx = Context(
            meta=Meta(correlation_id=row.correlation_id, causation_id=row.event_id),
            now=tiffin.clock.now(),
            closing=Closing(position=row.position, actor_name=row.actor_name, lease_token=row.lease_token),
        )
        if ACTORS[row.actor_name].queue == "matching":
            self._breaker.call(lambda: execute(tiffin, ctx, command))
        else:
            execute(tiffin, ctx, command)


def declare(broker: HintBroker, work: Work) -> None:
    """Make each actor known to the worker that consumes from `broker`."""
    for name, actor in ACTORS.items():
        register = dramatiq.actor(actor_name=name, queue_name=actor.queue, priority=actor.priority, broker=broker)
        register(_consumer(work, name))


def hint(actor_name: str, positions: Sequence[int]) -> dramatiq.Message[None]:
    """Make the message that some of an actor's rows are due."""
    return dramatiq.Message(
        queue_name=ACTORS[actor_name].queue,
        actor_name=actor_name,
        args=(list(positions),),
        kwargs={},
        options={},
    )


def _consumer(work: Work, actor_name: str) -> Callable[[list[int]], None]:
    def consume(positions: list[int]) -> None:
        work.do(actor_name, positions)

    return consume
