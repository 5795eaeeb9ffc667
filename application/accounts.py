"""Accounts: who may log in, and as whom. Not derived from events, so primary.

A registration is a row first (which takes the e-mail address) and then, for drivers and restaurants, their stream.
Both halves are keyed, so that a client whose answer was lost repeats the call and gets the same account.
"""

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial
from uuid import UUID

import msgspec
import redis
from sqlalchemy import Engine, Row, text

from application.clocks import Clock
from application.context import Context
from application.ids import new_id
from application.passwords import Passwords
from application.sessions import Holder, Opened, Sessions
from application.store import Idempotency, KeyReused
from domain.errors import Conflict, InvalidInput, NotFound, Refusal
from domain.event import Role

FAILURES_ALLOWED = 10
FAILURE_WINDOW_SECONDS = 60

PUBLIC_ROLES = frozenset({Role.CUSTOMER, Role.DRIVER, Role.RESTAURANT})
"""Anyone may register as one of these; staff is appointed by an admin."""


class EmailTaken(Conflict):
    """The address has an account."""

    def __init__(self) -> None:
        """The address is not repeated: it is personal."""
        super().__init__("This e-mail address has an account already; log in, or use another.", status="registered")


class WrongCredentials(Refusal):
    """No such account, or not its password; which of the two is not told."""

    def __init__(self) -> None:
        """Always the same words."""
        super().__init__("E-mail address or password is wrong.")


class TooManyAttempts(Refusal):
    """Too many wrong passwords for one address; again after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int) -> None:
        """Whole seconds, as HTTP's Retry-After counts."""
        super().__init__(f"Too many wrong passwords; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What a registration says. `enrol` makes the command that begins the subject's stream, if it has one."""

    email: str
    password: str
    role: Role
    name: str
    phone: str | None = None
    region: str | None = None
    enrol: Callable[[UUID], msgspec.Struct] | None = None
    key: str
    """The caller's idempotency key."""
    payload_hash: bytes
    """Of everything asked but the password: a fast hash of that must not be stored."""


class Accounts:
    """Registration and log-in. `run` executes a command: `application.execute` with the process's wiring."""

    def __init__(
        self,
        engine: Engine,
        valkey: redis.Redis,
        clock: Clock,
        passwords: Passwords,
        sessions: Sessions,
        run: Callable[[Context, msgspec.Struct], object],
        regions: frozenset[str],
    ) -> None:
        """`regions` are the ids that exist."""
        self._engine = engine
        self._valkey = valkey
        self._clock = clock
        self._passwords = passwords
        self._sessions = sessions
        self._run = run
        self._regions = regions

    async def register(self, new: NewAccount, ctx: Context) -> Holder:
        """Open an account. Raises EmailTaken, KeyReused, InvalidInput, PasswordsBusy and what `enrol` may."""
        if new.region is not None and new.region not in self._regions:
            raise InvalidInput(f"{new.role}.region", f"Use one of the regions: {', '.join(sorted(self._regions))}.")
        password_hash = await self._passwords.hash(new.password)
        row = await _thread(partial(self._insert, new, password_hash))
        if row.password_hash != password_hash:
            if row.registration_key != _registration_key(new):
                same_key = (row.registration_key or "").startswith(f"{new.key}:")
                raise KeyReused if same_key else EmailTaken
            if not await self._passwords.matches(row.password_hash, new.password):
                raise KeyReused
        holder = _holder(row)
        if new.enrol is not None:
            key = Idempotency(
                actor=str(holder.account_id), operation="register", key=new.key, payload_hash=new.payload_hash
            )
            meta = msgspec.structs.replace(ctx.meta, actor_type=holder.role, actor_id=holder.subject_id)
            enrolled = msgspec.structs.replace(ctx, meta=meta, idempotency=key)
            await _thread(partial(self._run, enrolled, new.enrol(holder.subject_id)))
        return holder

    async def log_in(self, email: str, password: str, *, user_agent: str | None, ip: str | None) -> Opened:
        """Open a session. Raises WrongCredentials, TooManyAttempts, PasswordsBusy."""
        email = normal(email)
        row = await _thread(partial(self._candidate, email))
        if not await self._passwords.matches(row.password_hash if row is not None else None, password) or row is None:
            await _thread(partial(self._count_failure, email))
            raise WrongCredentials
        if self._passwords.outdated(row.password_hash):
            await _thread(partial(self._rehash, row.id, await self._passwords.hash(password)))
        return await _thread(partial(self._sessions.open, _holder(row), user_agent=user_agent, ip=ip))

    def subjects_by_phone(self, phone: str) -> list[UUID]:
        """The customers, drivers and restaurants whose number ends in the same nine digits."""
        with self._engine.connect() as connection:
            return list(connection.execute(_BY_PHONE, {"phone": phone}).scalars())

    def revoke_sessions(self, account_id: UUID) -> int:
        """End every session of an account. Raises NotFound, SessionsUnavailable."""
        with self._engine.connect() as connection:
            if connection.execute(_EXISTS, {"id": account_id}).one_or_none() is None:
                raise NotFound("account", account_id)
        return self._sessions.revoke_all(account_id)

    def _insert(self, new: NewAccount, password_hash: str) -> Row[tuple[object, ...]]:
        account_id = new_id()
        values = {
            "id": account_id,
            "email": normal(new.email),
            "password_hash": password_hash,
            "role": new.role.value,
            "subject_id": new_id() if new.role in PUBLIC_ROLES else account_id,
            "name": new.name,
            "phone": new.phone,
            "region": new.region,
            "registration_key": _registration_key(new),
            "created_at": self._clock.machine_now(),
        }
        with self._engine.begin() as connection:
            # A concurrent duplicate waits here for the first one's commit and then reads it.
            connection.execute(_INSERT, values)
            return connection.execute(_BY_EMAIL, {"email": values["email"]}).one()

    def _candidate(self, email: str) -> Row[tuple[object, ...]] | None:
        failures = self._valkey.get(_failures(email))
        if failures is not None and int(failures) >= FAILURES_ALLOWED:
            raise TooManyAttempts(max(1, self._valkey.ttl(_failures(email))))
        with self._engine.connect() as connection:
            row = connection.execute(_BY_EMAIL, {"email": email}).one_or_none()
        return row if row is not None and row.disabled_at is None else None

    def _count_failure(self, email: str) -> None:
        pipeline = self._valkey.pipeline(transaction=True)
        pipeline.incr(_failures(email))
        pipeline.expire(_failures(email), FAILURE_WINDOW_SECONDS, nx=True)
        pipeline.execute()

    def _rehash(self, account_id: UUID, password_hash: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(_REHASH, {"id": account_id, "password_hash": password_hash})


def normal(email: str) -> str:
    """The one spelling under which an address is kept."""
    return email.strip().lower()


def _registration_key(new: NewAccount) -> str:
    return f"{new.key}:{new.payload_hash.hex()}"


def _failures(email: str) -> str:
    return f"login_failures:{hashlib.sha256(email.encode()).hexdigest()}"


def _holder(row: Row[tuple[object, ...]]) -> Holder:
    return Holder(account_id=row.id, role=Role(row.role), subject_id=row.subject_id, name=row.name, region=row.region)


async def _thread[T](function: Callable[[], T]) -> T:
    """Run on the loop's default executor, which the process sizes with its connection pools."""
    return await asyncio.get_running_loop().run_in_executor(None, function)


_INSERT = text("""
    INSERT INTO accounts (id, email, password_hash, role, subject_id, name, phone, region, registration_key, created_at)
    VALUES (:id, :email, :password_hash, :role, :subject_id, :name, :phone, :region, :registration_key, :created_at)
    ON CONFLICT (email) DO NOTHING
""")
_BY_EMAIL = text("""
    SELECT id, role, subject_id, name, region, password_hash, registration_key, disabled_at
    FROM accounts WHERE email = :email
""")
_BY_PHONE = text("""
    SELECT subject_id FROM accounts WHERE phone_ending = right(regexp_replace(:phone, '[^0-9]', '', 'g'), 9)
""")
_EXISTS = text("SELECT 1 FROM accounts WHERE id = :id")
_REHASH = text("UPDATE accounts SET password_hash = :password_hash WHERE id = :id")
