"""The engines as one thing: started for whoever needs them, stopped when the last one has gone.

Every user holds a shared lock on one file. Who leaves tries to take it alone: where that works nobody else is
there, and the engines are stopped. The kernel lets go of a killed process's lock, so no count can go wrong.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from application.engines import postgres, valkey
from application.engines.failure import EngineFailed
from application.settings import Settings


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the engines are reached."""

    database_url: str
    valkey_url: str


@contextmanager
def embedded(folder: Path, *, durable: bool = True) -> Iterator[Addresses]:
    """Both engines of one folder, for as long as the block lasts. Raises EngineFailed."""
    make_folder(folder)
    with (folder / "engines.lock").open("a") as users, (folder / "starting.lock").open("a") as door:
        with _alone(door):
            fcntl.flock(users, fcntl.LOCK_SH)
            addresses = ensure(folder, durable=durable)
        try:
            yield addresses
        finally:
            with _alone(door):
                _stop_if_last(folder, users)


def make_folder(folder: Path) -> None:
    """The folder of data. Raises EngineFailed where there cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineFailed(
            f"{folder} cannot be made ({error.strerror}): set TIFFIN_DATA to a folder of yours."
        ) from error


@contextmanager
def resolved(settings: Settings) -> Iterator[Settings]:
    """Settings in which both URLs are filled in: the given ones, or the embedded engines' for as long as this lasts."""
    if settings.database.url and settings.valkey.url:
        yield settings
        return
    with embedded(settings.data_dir) as addresses:
        yield msgspec.structs.replace(
            settings,
            database=msgspec.structs.replace(settings.database, url=settings.database.url or addresses.database_url),
            valkey=msgspec.structs.replace(settings.valkey, url=settings.valkey.url or addresses.valkey_url),
        )


def ensure(folder: Path, *, durable: bool = True) -> Addresses:
    """Start whichever engine of the folder does not run."""
    return Addresses(
        database_url=postgres.start(folder / "postgres", durable=durable), valkey_url=valkey.start(folder / "valkey")
    )


def healthy(folder: Path) -> bool:
    """Whether both engines of the folder run."""
    return postgres.running(folder / "postgres") and valkey.running(folder / "valkey")


def stop(folder: Path) -> None:
    """Stop both engines of the folder, whoever uses them."""
    valkey.stop(folder / "valkey")
    postgres.stop(folder / "postgres")


def in_use(folder: Path) -> bool:
    """Whether somebody uses the engines of the folder right now."""
    lock = folder / "engines.lock"
    if not lock.exists():
        return False
    with lock.open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def erase(folder: Path) -> None:
    """Stop the engines and remove their data. The caller has made sure that nobody uses them."""
    stop(folder)
    for name in ("postgres", "valkey"):
        shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def _alone(door: IO[str]) -> Iterator[None]:
    """One process at a time starts or stops: two first users must not both create the cluster."""
    fcntl.flock(door, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(door, fcntl.LOCK_UN)


def _stop_if_last(folder: Path, users: IO[str]) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    stop(folder)
