"""Accounts and sessions."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody

from api import examples
from api.bodies.accounts import LogIn, Registration, role_of, without_password
from api.call import ApiRequest, payload_hash
from api.operations import ADMIN, EVERYONE, authenticate, plain
from application.accounts import PUBLIC_ROLES, NewAccount
from application.commands import RegisterDriver, RegisterRestaurant
from application.context import Context
from application.sessions import Identity
from domain.errors import InvalidInput
from domain.event import Role


class AccountOpened(msgspec.Struct, frozen=True, kw_only=True):
    """The account, and the customer, driver or restaurant it acts as (staff acts as itself)."""

    account_id: UUID
    subject_id: UUID
    role: Role


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who a session speaks for."""

    account_id: UUID
    role: Role
    subject_id: UUID
    name: str
    expires_at: datetime


class SessionOpened(Session, frozen=True, kw_only=True):
    """A new session; its token is told this once."""

    token: str


class Accounts(Controller):
    """Registration, log-in and log-out."""

    path = "/v1"
    tags = ("accounts",)

    @plain(
        "/accounts",
        post,
        id="create_account",
        summary="Register",
        body=examples.CUSTOMER_ACCOUNT,
        answer=examples.ACCOUNT_OPENED,
        status=201,
        keyed=True,
        problems=(401, 403, 409, 422),
    )
    async def create_account(self, request: ApiRequest, data: JSONBody[Registration]) -> AccountOpened:
        """Anyone registers as a customer, driver or restaurant; an admin's session is needed to appoint staff."""
        role = role_of(data)
        if role not in PUBLIC_ROLES:
            await authenticate(request, ADMIN)
        new = NewAccount(
            email=data.email,
            password=data.password,
            role=role,
            name=data.name,
            phone=data.phone,
            region=_region(data),
            enrol=_enrolment(data),
            key=request.call.key or "",
            payload_hash=payload_hash("/v1/accounts", without_password(data)),
        )
        context = Context(meta=request.call.meta(), now=request.services.clock.now())
        holder = await request.services.accounts.register(new, context)
        return AccountOpened(account_id=holder.account_id, subject_id=holder.subject_id, role=holder.role)

    @plain(
        "/sessions",
        post,
        id="log_in",
        summary="Log in",
        body=examples.LOG_IN,
        answer=examples.SESSION_OPENED,
        status=201,
        problems=(401, 429),
    )
    async def log_in(self, request: ApiRequest, data: JSONBody[LogIn]) -> SessionOpened:
        """Open a session of 24 hours. Its token goes into `Authorization: Bearer TOKEN`."""
        call = request.call
        opened = await request.services.accounts.log_in(
            data.email, data.password, user_agent=call.user_agent, ip=call.ip
        )
        return SessionOpened(token=opened.token, **_session(opened.identity))

    @plain(
        "/sessions/current",
        get,
        id="get_session",
        summary="Who am I?",
        roles=EVERYONE,
        answer=examples.SESSION,
        threaded=False,
    )
    def get_session(self, request: ApiRequest) -> Session:
        """The session that this call was made with."""
        return Session(**_session(request.me))

    @plain(
        "/sessions/current",
        delete,
        id="log_out",
        summary="Log out",
        roles=EVERYONE,
        status=204,
        keyed=True,
        threaded=True,
    )
    def log_out(self, request: ApiRequest) -> None:
        """The session ends at once, everywhere; its live streams too."""
        request.services.sessions.revoke(request.me)

    @plain(
        "/sessions",
        delete,
        id="log_out_everywhere",
        summary="End all my sessions",
        roles=EVERYONE,
        status=204,
        keyed=True,
        threaded=True,
    )
    def log_out_everywhere(self, request: ApiRequest) -> None:
        """All sessions of this account end at once."""
        request.services.sessions.revoke_all(request.me.account_id)

    @plain(
        "/accounts/{account_id:uuid}/sessions",
        delete,
        id="revoke_sessions",
        summary="End all sessions of an account",
        roles=ADMIN,
        status=204,
        keyed=True,
        threaded=True,
        problems=(404,),
    )
    def revoke_sessions(self, request: ApiRequest, account_id: FromPath[UUID]) -> None:
        """For a lost device or a stolen password."""
        request.services.accounts.revoke_sessions(account_id)


def _session(identity: Identity) -> dict[str, Any]:
    return {name: getattr(identity, name) for name in Session.__struct_fields__}


def _region(data: Registration) -> str | None:
    profile = data.driver or data.restaurant
    return profile.region if profile is not None else None


def _enrolment(data: Registration) -> Callable[[UUID], msgspec.Struct] | None:
    """The command that begins the subject's stream. Raises InvalidInput when role and profile do not fit."""
    for role, profile in (("driver", data.driver), ("restaurant", data.restaurant)):
        if (data.role == role) != (profile is not None):
            needed = "Send it to register as one." if data.role == role else f"Leave it out to register as {data.role}."
            raise InvalidInput(role, needed)
        if profile is not None and data.phone is None:
            raise InvalidInput("phone", f"A {role} needs a phone number.")
    if data.driver is not None:
        return lambda subject_id: _driver(data, subject_id)
    if data.restaurant is not None:
        return lambda subject_id: _restaurant(data, subject_id)
    return None


def _driver(data: Registration, driver_id: UUID) -> RegisterDriver:
    profile = data.driver
    assert profile is not None, "checked by _enrolment"  # noqa: S101 - narrows the type
    return RegisterDriver(
        driver_id=driver_id,
        name=data.name,
        phone=data.phone or "",
        region=profile.region,
        vehicle=profile.vehicle,
        capacity=profile.capacity,
        earnings_goal=profile.earnings_goal,
    )


def _restaurant(data: Registration, restaurant_id: UUID) -> RegisterRestaurant:
    profile = data.restaurant
    assert profile is not None, "checked by _enrolment"  # noqa: S101 - narrows the type
    return RegisterRestaurant(
        restaurant_id=restaurant_id,
        name=data.name,
        region=profile.region,
        position=profile.position.position(),
        address=profile.address,
        phone=data.phone or "",
        cuisines=profile.cuisines,
        prep_seconds=profile.prep_seconds,
        delivery_radius_m=profile.delivery_radius_m,
    )
