"""What batching decided, condition by condition: of what was offered as a second order, and of who was left out."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from domain.batching import (
    LEAST_EFFICIENCY,
    MOST_DELAY_SECONDS,
    MOST_ORDERS,
    RESTAURANTS_APART_M,
    Batched,
    NotBatched,
    Planned,
    Refused,
    Unbatched,
    Weighed,
    refused,
)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One of the six conditions. `value` is none where it was not measured, `limit` where there is none."""

    name: str
    """Stable: carries_one, restaurants_apart_m, efficiency, delay_seconds, orders, saved_seconds."""
    value: float | None
    limit: float | None
    holds: bool | None
    """None where there is nothing to hold: not measured, or only told."""
    told: str


class ToldBatch(msgspec.Struct, frozen=True, kw_only=True):
    """An order offered to go together with the one that the driver carries."""

    stops: tuple[Planned, ...]
    """In the order of the route."""
    added_seconds: float | None
    """The driver's time for it, beside the first order alone."""
    pay_minor: int | None
    currency: str
    saved_m: float
    saved_seconds: float
    conditions: tuple[Condition, ...]


class ToldUnbatched(msgspec.Struct, frozen=True, kw_only=True):
    """A driver near with room who was not asked, because the order does not go with the one carried."""

    driver_id: UUID
    name: str | None
    told: str
    """What failed, in words."""
    conditions: tuple[Condition, ...]


def told_batch(batch: Batched | None) -> ToldBatch | None:
    """Tell of a second order as it was recorded."""
    if batch is None:
        return None
    weighed = Weighed(
        carried=1,
        apart_m=batch.apart_m,
        delay_seconds=batch.delay_seconds,
        efficiency=batch.efficiency,
        saved_m=batch.saved_m,
        saved_seconds=batch.saved_seconds,
    )
    return ToldBatch(
        stops=batch.stops,
        added_seconds=batch.added_seconds,
        pay_minor=batch.pay_minor,
        currency=batch.currency,
        saved_m=batch.saved_m,
        saved_seconds=batch.saved_seconds,
        conditions=conditions(weighed, ()),
    )


def told_unbatched(one: Unbatched, names: Mapping[UUID, str]) -> ToldUnbatched:
    """Tell of a driver who was left out, as it was recorded."""
    words = [NotBatched[why.upper()].value for why in one.why if why.upper() in NotBatched.__members__]
    return ToldUnbatched(
        driver_id=one.driver_id,
        name=names.get(one.driver_id),
        told="; ".join(words) or ", ".join(one.why),
        conditions=conditions(one.weighed, one.why),
    )


def told_refused(driver_id: UUID, found: Refused, names: Mapping[UUID, str]) -> ToldUnbatched:
    """The same for who would be left out now."""
    return told_unbatched(refused(driver_id, found), names)


def conditions(weighed: Weighed, failed: tuple[str, ...]) -> tuple[Condition, ...]:
    """All six, each with what was measured and what it has to be; `failed` says which did not hold then."""
    orders = weighed.carried + 1
    return (
        _condition("carries_one", weighed.carried, 1, weighed.carried == 1, f"carries {weighed.carried}; exactly 1"),
        _condition(
            "restaurants_apart_m",
            weighed.apart_m,
            RESTAURANTS_APART_M,
            "too_far_apart" not in failed,
            f"restaurants {_of(weighed.apart_m, '.0f')} m apart; at most {RESTAURANTS_APART_M:.0f}",
        ),
        _condition(
            "efficiency",
            weighed.efficiency,
            LEAST_EFFICIENCY,
            "inefficient" not in failed,
            f"route efficiency {_of(weighed.efficiency, '.2f')}; at least {LEAST_EFFICIENCY:.2f}",
        ),
        _condition(
            "delay_seconds",
            weighed.delay_seconds,
            MOST_DELAY_SECONDS,
            "too_slow" not in failed,
            f"first customer {_of(weighed.delay_seconds, '.0f')} s later; at most {MOST_DELAY_SECONDS:.0f}",
        ),
        _condition(
            "orders", orders, MOST_ORDERS, orders <= MOST_ORDERS, f"{orders} orders with it; at most {MOST_ORDERS}"
        ),
        Condition(
            name="saved_seconds",
            value=weighed.saved_seconds,
            limit=None,
            holds=None,
            told=f"saves {_of(weighed.saved_seconds, '.0f')} s and {_of(weighed.saved_m, '.0f')} m; no bound",
        ),
    )


def _condition(name: str, value: float | None, limit: float, holds: bool, told: str) -> Condition:  # noqa: FBT001
    return Condition(name=name, value=value, limit=limit, holds=None if value is None else holds, told=told)


def _of(value: float | None, form: str) -> str:
    # "z": no -0 for what is rounded away.
    return "?" if value is None else format(value, f"z{form}")
