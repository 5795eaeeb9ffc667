"""Passwords are kept as argon2id hashes, made off the event loop, a few at a time.

Cost: 19 MiB, 2 passes, 1 lane (OWASP's first recommendation). A hash takes about 20 ms of one core and the
library lets go of the interpreter lock meanwhile, so what has to be bounded is memory and queueing.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class PasswordsBusy(Exception):  # noqa: N818 - names the outcome
    """More log-ins than the machine can check; try again after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int = 2) -> None:
        """Whole seconds, as HTTP's Retry-After counts."""
        super().__init__(f"Too many log-ins at once; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class Passwords:
    """Hashes and checks passwords on `threads` threads of its own; at most `waiting` callers queue for them."""

    def __init__(self, *, threads: int = 2, waiting: int = 256) -> None:
        """`threads` × 19 MiB is the most memory in use at once."""
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._limit = threads + waiting
        self._under_way = 0
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Hash a new password. Raises PasswordsBusy."""
        return str(await self._run(self._hasher.hash, password))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Check a password. Without a hash (no such account) it takes as long and says no. Raises PasswordsBusy."""
        return (
            bool(await self._run(self._verify, password_hash or self._nobody, password)) and password_hash is not None
        )

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost than today's and should be made anew at the next log-in."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Finish what is under way."""
        self._executor.shutdown()

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[..., object], *arguments: str) -> object:
        if self._under_way >= self._limit:
            raise PasswordsBusy
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        finally:
            self._under_way -= 1
