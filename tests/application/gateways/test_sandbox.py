"""The sandbox gateway keeps the port's promises: keys, declines, time-outs, and holds nobody vouches for."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
from msgspec.structs import replace

from application.gateways.payments.guarded import LIMITS, GuardedPayments
from application.gateways.payments.port import Hold, PaymentDeclined, Payments, PaymentUnavailable
from application.gateways.payments.sandbox import SandboxPayments
from application.ids import new_id
from application.settings import DatabaseSettings, PoolSettings, Settings
from application.side import SideStatements
from domain.errors import InvalidInput


@pytest.fixture
def side(settings: Settings) -> Iterator[SideStatements]:
    with SideStatements(settings.database) as opened:
        yield opened


@pytest.fixture
def sandbox(side: SideStatements) -> SandboxPayments:
    return SandboxPayments(side, timeout_seconds=0.01)


def hold(sandbox: SandboxPayments, *, key: str = "k", order_id: UUID | None = None, method: str = "card_ok") -> Hold:
    return asyncio.run(held(sandbox, key=key, order_id=order_id, method=method))


async def held(payments: Payments, *, key: str = "k", order_id: UUID | None = None, method: str = "card_ok") -> Hold:
    return await payments.authorize(
        key=key, order_id=order_id or new_id(), amount_minor=1_000, currency="EUR", method=method
    )


def status(side: SideStatements, payment_id: str) -> tuple[str, int, int]:
    statement = "SELECT status, captured_minor, refunded_minor FROM sandbox_payments WHERE payment_id = %(payment_id)s"
    found = side.run(statement, {"payment_id": payment_id})
    return found[0][0], found[0][1], found[0][2]


def test_one_key_is_one_hold_for_the_first_order_named(sandbox: SandboxPayments) -> None:
    async def sixteen() -> set[Hold]:
        return set(await asyncio.gather(*(held(sandbox) for _ in range(16))))

    (first,) = asyncio.run(sixteen())
    assert asyncio.run(sixteen()) == {first}
    assert hold(sandbox, key="other") != first


def test_requests_that_gather_are_each_answered_their_own(sandbox: SandboxPayments) -> None:
    orders = [new_id() for _ in range(200)]

    async def all_at_once() -> list[Hold]:
        return await asyncio.gather(*(held(sandbox, key=str(one), order_id=one) for one in orders))

    holds = asyncio.run(all_at_once())
    assert [one.order_id for one in holds] == orders
    assert len({one.payment_id for one in holds}) == len(orders)


def test_charged_refunded_and_each_repeat_is_harmless(sandbox: SandboxPayments, side: SideStatements) -> None:
    payment_id = hold(sandbox).payment_id
    for _ in range(2):
        sandbox.capture(payment_id, amount_minor=900, key="c")
    assert status(side, payment_id) == ("captured", 900, 0)
    for _ in range(2):
        sandbox.refund(payment_id, amount_minor=400, key="r")
    assert status(side, payment_id) == ("refunded", 900, 400)


def test_what_does_not_fit_is_declined(sandbox: SandboxPayments) -> None:
    payment_id = hold(sandbox).payment_id
    with pytest.raises(PaymentDeclined):
        sandbox.capture(payment_id, amount_minor=1_001, key="c")
    with pytest.raises(PaymentDeclined):
        sandbox.refund(payment_id, amount_minor=1, key="r")
    for _ in range(2):
        sandbox.void(payment_id, key="v")
    with pytest.raises(PaymentDeclined):
        sandbox.capture(payment_id, amount_minor=1_000, key="c")


def test_cards_do_as_they_are_called(sandbox: SandboxPayments) -> None:
    with pytest.raises(PaymentDeclined):
        hold(sandbox, method="card_declined")
    late = hold(sandbox, method="card_capture_declined")
    with pytest.raises(PaymentDeclined):
        sandbox.capture(late.payment_id, amount_minor=1_000, key="c")
    with pytest.raises(InvalidInput, match="card_ok"):
        hold(sandbox, method="cheque")


def test_a_hold_whose_answer_got_lost_is_loose_until_its_key_returns(sandbox: SandboxPayments) -> None:
    with pytest.raises(PaymentUnavailable):
        hold(sandbox, method="card_timeout")
    (loose,) = sandbox.loose_holds(untouched_seconds=0.0, limit=10)
    sandbox.lapse([loose.payment_id])
    assert not sandbox.loose_holds(untouched_seconds=0.0, limit=10)
    assert hold(sandbox) == loose
    sandbox.capture(loose.payment_id, amount_minor=1_000, key="c")


def test_a_voided_hold_stays_voided_whoever_repeats_its_key(sandbox: SandboxPayments, side: SideStatements) -> None:
    payment_id = hold(sandbox).payment_id
    sandbox.void(payment_id, key="v")
    assert hold(sandbox).payment_id == payment_id
    assert status(side, payment_id)[0] == "voided"


def test_a_key_is_forgotten_after_a_day(sandbox: SandboxPayments, side: SideStatements) -> None:
    first = hold(sandbox)
    side.run("UPDATE sandbox_payments SET created_at = now() - interval '25 hours'", {})
    second = hold(sandbox)
    assert second.payment_id != first.payment_id
    assert hold(sandbox) == second
    sandbox.capture(first.payment_id, amount_minor=1_000, key="c")


def test_vouched_and_fresh_holds_are_not_loose(sandbox: SandboxPayments) -> None:
    kept = hold(sandbox)
    assert not sandbox.loose_holds(untouched_seconds=60.0, limit=10)
    assert sandbox.loose_holds(untouched_seconds=0.0, limit=10) == [kept]
    sandbox.vouch([kept.payment_id])
    assert not sandbox.loose_holds(untouched_seconds=0.0, limit=10)


def test_a_gateway_that_is_away_is_not_asked_for_long() -> None:
    nowhere = DatabaseSettings(
        url="postgresql://127.0.0.1:1/nowhere",
        store_pool=PoolSettings(max_size=1, checkout_timeout_seconds=0.05),
        connect_timeout_seconds=1,
    )
    limits = replace(LIMITS, min_calls=3)
    with SideStatements(nowhere) as side:
        guarded = GuardedPayments(SandboxPayments(side), limits)
        for _ in range(3):
            with pytest.raises(PaymentUnavailable, match="cannot be reached"):
                guarded.void("p", key="v")
        with pytest.raises(PaymentUnavailable, match="suspended") as caught:
            guarded.void("p", key="v")
        for _ in range(3):
            with pytest.raises(PaymentUnavailable, match="cannot be reached"):
                asyncio.run(held(guarded))
        with pytest.raises(PaymentUnavailable, match="suspended"):
            asyncio.run(held(guarded))
    assert caught.value.retry_after_seconds == 60


def test_a_gateway_that_does_not_answer_is_given_up(side: SideStatements) -> None:
    guarded = GuardedPayments(SandboxPayments(side, timeout_seconds=600.0), replace(LIMITS, timeout_seconds=0.01))
    with pytest.raises(PaymentUnavailable, match=r"did not answer within 0\.01 s"):
        asyncio.run(held(guarded, method="card_timeout"))
