"""Sessions: opaque bearer tokens that can be revoked at once.

Only a token's SHA-256 is stored: a row in PostgreSQL, written through to Valkey for as long as it lives. A look-up
is one Valkey GET; PostgreSQL answers when Valkey does not know or is away. Revoking leaves a tombstone in Valkey,
so that a look-up that read the row just before cannot bring the session back. Sessions live in machine time.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import hiredis
import msgspec
import redis
from sqlalchemy import Engine, text

from application.bootstrap import Tiffin
from application.clocks import Clock
from domain.event import Role

TOKEN_BYTES = 32
MISSING_SECONDS = 5
"""How long Valkey remembers that a token is unknown, so that guessing does not reach PostgreSQL each time."""

_TOMBSTONE = b"-"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token speaks for. `subject_id` is the customer, driver or restaurant; staff's is their account."""

    account_id: UUID
    role: Role
    subject_id: UUID
    name: str
    region: str | None
    expires_at: datetime
    token_hash: bytes


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What a session takes over from its account."""

    account_id: UUID
    role: Role
    subject_id: UUID
    name: str
    region: str | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A new session. `token` is told once and stored nowhere."""

    token: str
    identity: Identity


class SessionsUnavailable(Exception):  # noqa: N818 - names the outcome
    """A session could not be revoked everywhere; ask again after `retry_after_seconds`."""

    retry_after_seconds = 1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Identity).decode


class Sessions:
    """The sessions of one world. `fetch` is a GET on the process's shared asynchronous Valkey connection."""

    def __init__(
        self,
        engine: Engine,
        valkey: redis.Redis,
        fetch: Callable[[str], Awaitable[bytes | None]],
        clock: Clock,
        *,
        lifetime_seconds: int,
        channel_prefix: str,
    ) -> None:
        """`channel_prefix` is the world's: publish/subscribe is not told apart by database number."""
        self._engine = engine
        self._valkey = valkey
        self._fetch = fetch
        self._clock = clock
        self._lifetime_seconds = lifetime_seconds
        self._channel_prefix = channel_prefix

    @classmethod
    def of(cls, tiffin: Tiffin) -> "Sessions":
        """Those of a process's world."""
        return cls(
            tiffin.engine,
            tiffin.valkey,
            partial(tiffin.link.call, "GET"),
            tiffin.clock,
            lifetime_seconds=tiffin.settings.api.session_seconds,
            channel_prefix=tiffin.settings.world.prefix,
        )

    async def find(self, token: str) -> Identity | None:
        """Whose token this is; None when it is unknown, expired or revoked."""
        return await self._find(hash_token(token))

    async def lives(self, identity: Identity) -> bool:
        """Whether a session found before is still good."""
        return await self._find(identity.token_hash) is not None

    async def _find(self, token_hash: bytes) -> Identity | None:
        try:
            cached = await self._fetch(_key(token_hash))
        except (redis.RedisError, hiredis.ReplyError, OSError):
            return await asyncio.get_running_loop().run_in_executor(None, self.read, token_hash)
        if cached is None:
            return await asyncio.get_running_loop().run_in_executor(None, self._fill, token_hash)
        if cached == _TOMBSTONE:
            return None
        identity = _decode(cached)
        return identity if identity.expires_at > self._clock.machine_now() else None

    def open(self, account: Holder, *, user_agent: str | None, ip: str | None) -> Opened:
        """Begin a session for an account that has just proved itself."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock.machine_now()
        identity = Identity(
            account_id=account.account_id,
            role=account.role,
            subject_id=account.subject_id,
            name=account.name,
            region=account.region,
            expires_at=now + timedelta(seconds=self._lifetime_seconds),
            token_hash=hash_token(token),
        )
        with self._engine.begin() as connection:
            connection.execute(
                _INSERT,
                {
                    "token_hash": identity.token_hash,
                    "account_id": identity.account_id,
                    "role": identity.role.value,
                    "subject_id": identity.subject_id,
                    "created_at": now,
                    "expires_at": identity.expires_at,
                    "user_agent": user_agent,
                    "ip": ip,
                },
            )
        self._remember(identity, self._lifetime_seconds)
        return Opened(token=token, identity=identity)

    def read(self, token_hash: bytes) -> Identity | None:
        """What PostgreSQL says."""
        with self._engine.connect() as connection:
            row = connection.execute(
                _SELECT, {"token_hash": token_hash, "now": self._clock.machine_now()}
            ).one_or_none()
        if row is None:
            return None
        return Identity(
            account_id=row.account_id,
            role=Role(row.role),
            subject_id=row.subject_id,
            name=row.name,
            region=row.region,
            expires_at=row.expires_at,
            token_hash=token_hash,
        )

    def revoke(self, identity: Identity) -> None:
        """End one session, everywhere, now. Raises SessionsUnavailable."""
        with self._engine.begin() as connection:
            connection.execute(_REVOKE, {"token_hash": identity.token_hash, "now": self._clock.machine_now()})
        self._bury([identity.token_hash])

    def revoke_all(self, account_id: UUID) -> int:
        """End all of an account's sessions and say how many there were. Raises SessionsUnavailable."""
        now = self._clock.machine_now()
        with self._engine.begin() as connection:
            # Also those revoked before: if Valkey was away then, asking again buries them.
            hashes = [bytes(row[0]) for row in connection.execute(_REVOKE_ALL, {"account_id": account_id, "now": now})]
        self._bury(hashes)
        return len(hashes)

    def channel(self, token_hash: bytes) -> str:
        """Where a session's end is told, for the streams that were opened with it."""
        return f"{self._channel_prefix}live:session:{token_hash.hex()}"

    def _fill(self, token_hash: bytes) -> Identity | None:
        identity = self.read(token_hash)
        if identity is None:
            self._set(_key(token_hash), _TOMBSTONE, MISSING_SECONDS)
        else:
            left = (identity.expires_at - self._clock.machine_now()).total_seconds()
            self._remember(identity, max(1, int(left)))
        return identity

    def _remember(self, identity: Identity, seconds: int) -> None:
        self._set(*remembered(identity), seconds)

    def _set(self, key: str, value: bytes, seconds: int) -> None:
        try:
            # NX: a tombstone laid since the row was read must win.
            self._valkey.set(key, value, ex=seconds, nx=True)
        except (redis.RedisError, OSError):
            return  # PostgreSQL has it; Valkey learns at the next look-up.

    def _bury(self, token_hashes: Sequence[bytes]) -> None:
        try:
            pipeline = self._valkey.pipeline(transaction=False)
            for token_hash in token_hashes:
                pipeline.set(_key(token_hash), _TOMBSTONE, ex=self._lifetime_seconds)
                pipeline.publish(self.channel(token_hash), b"revoked")
            pipeline.execute()
        except (redis.RedisError, OSError) as error:
            raise SessionsUnavailable from error


def hash_token(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def remembered(identity: Identity) -> tuple[str, bytes]:
    """Under which key Valkey keeps a session, and how."""
    return _key(identity.token_hash), _encode(identity)


def _key(token_hash: bytes) -> str:
    return f"session:{token_hash.hex()}"


_INSERT = text("""
    INSERT INTO sessions (token_hash, account_id, role, subject_id, created_at, expires_at, user_agent, ip)
    VALUES (:token_hash, :account_id, :role, :subject_id, :created_at, :expires_at, :user_agent, :ip)
""")
_SELECT = text("""
    SELECT s.account_id, s.role, s.subject_id, a.name, a.region, s.expires_at
    FROM sessions s JOIN accounts a ON a.id = s.account_id
    WHERE s.token_hash = :token_hash AND s.revoked_at IS NULL AND s.expires_at > :now AND a.disabled_at IS NULL
""")
_REVOKE = text("UPDATE sessions SET revoked_at = :now WHERE token_hash = :token_hash AND revoked_at IS NULL")
_REVOKE_ALL = text("""
    UPDATE sessions SET revoked_at = coalesce(revoked_at, :now)
    WHERE account_id = :account_id AND expires_at > :now RETURNING token_hash
""")
