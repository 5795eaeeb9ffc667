"""Settings: read once from the environment, frozen, one Struct per concern. Reading them connects to nothing.

Durations are seconds of machine time. Pool sizes are budgeted: on four cores all processes together hold fewer
than 100 database connections (`tests/application/test_settings.py` adds them up).
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from domain.region import PORTO, Region

TOKEN_LENGTH = 32
"""Of a token that nobody guesses."""


class InvalidSettings(Exception):  # noqa: N818 - names the outcome
    """A variable holds what cannot be used; the message names it and says what to set instead."""


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections one process may hold, and how long it waits for one."""

    max_size: int
    min_size: int = 1
    checkout_timeout_seconds: float = 2.0


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """PostgreSQL. An empty `url` means the embedded server; `engines.embedded` then fills it in."""

    url: str = ""
    store_pool: PoolSettings = PoolSettings(max_size=8)
    """Loads and appends: as many as command threads run at once."""
    read_pool: PoolSettings = PoolSettings(max_size=6)
    """Read models: as many as query threads run at once."""
    connect_timeout_seconds: int = 5
    statement_timeout_seconds: float = 10.0
    lock_timeout_seconds: float = 1.0
    """A writer that waits longer for the log answers "busy, try again"."""
    durable_barrier: bool = False
    """Appends commit before they are on disk and are flushed, together, before anybody hears of them: the log's lock is
    not held for the disk. All processes of a database must agree."""


class ValkeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Valkey. An empty `url` means the embedded server; `engines.embedded` then fills it in."""

    url: str = ""
    connect_timeout_seconds: float = 2.0
    socket_timeout_seconds: float = 5.0
    max_connections: int = 64


class WorldSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which world the processes live in; its clock is a row in the database."""

    name: str = "tiffin"

    @property
    def prefix(self) -> str:
        """What publish/subscribe channels start with: they are not told apart by database number."""
        return f"{self.name}:"


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP side. `threads` run commands and queries; pings and streams stay on the event loop."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    threads: int = 12
    backlog: int = 1024
    backpressure: int = 4096
    """Requests one worker takes on at once, open live streams among them; the rest wait in the socket's backlog."""
    trusted_proxies: int = 0
    """How many proxies stand before the API; the client's address is what the outermost of them saw."""
    session_seconds: int = 86_400
    read_your_writes_seconds: float = 1.0
    drain_seconds: int = 8
    heartbeat_seconds: float = 15.0
    """After so long without anything else, live streams and drivers' sockets say that they are there."""
    idle_seconds: float = 120.0
    """A driver's socket that was silent for so long is closed."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The Dramatiq workers. A reaction's thread mostly waits for the log's lock and the disk, with others' appends."""

    processes: int = 1
    threads: int = 24
    drain_seconds: int = 8


class SealSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log's seals are published, and the key that signs them: both away from the database."""

    folder: Path = Path(".tiffin/seals")
    key_file: Path = Path(".tiffin/keys/seal.ed25519")


class PrivacySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the people whom personal data tells about: destroying one erases what it encrypted."""

    key_file: Path = Path(".tiffin/keys/personal.json")
    """The key-encryption keys, away from every database and its copies."""
    keys_url: str = ""
    """The database of the keys; empty: a schema of the log's own. Copies of the log then hold copies of the keys, and
    an old one brings back who was forgotten since: in production keep them apart, and their copies for days only."""


MOST_POSITION_DAYS = 90
"""Forgetting a driver locks every hour's partition and its index at once: of more days they do not fit into
PostgreSQL's table of locks as it is set up by default."""


class PositionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of where drivers were."""

    history_days: int = 30
    """Business time. Older positions are dropped, an hour's at once."""
    gateway_token: str = ""
    """What a gateway shows that hands on many drivers' positions; empty: that door is closed."""


class ObservabilitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Log lines and metrics."""

    log_level: str = "INFO"
    metrics_dir: Path | None = None
    """Where the processes of one machine share their counters; without it each process counts for itself."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    database: DatabaseSettings = DatabaseSettings()
    valkey: ValkeySettings = ValkeySettings()
    world: WorldSettings = WorldSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    seals: SealSettings = SealSettings()
    privacy: PrivacySettings = PrivacySettings()
    positions: PositionSettings = PositionSettings()
    observability: ObservabilitySettings = ObservabilitySettings()
    regions: tuple[Region, ...] = (PORTO,)
    data_dir: Path = Path(".tiffin")

    def environment(self) -> dict[str, str]:
        """The variables that make a child process read these same settings (regions come as a file's path)."""
        variables = {
            "DATABASE_URL": self.database.url,
            "VALKEY_URL": self.valkey.url,
            "TIFFIN_WORLD": self.world.name,
            "TIFFIN_HOST": self.api.host,
            "TIFFIN_PORT": str(self.api.port),
            "TIFFIN_API_WORKERS": str(self.api.workers),
            "TIFFIN_API_THREADS": str(self.api.threads),
            "TIFFIN_TRUSTED_PROXIES": str(self.api.trusted_proxies),
            "TIFFIN_WORKER_PROCESSES": str(self.worker.processes),
            "TIFFIN_WORKER_THREADS": str(self.worker.threads),
            "TIFFIN_DURABLE_BARRIER": str(int(self.database.durable_barrier)),
            "TIFFIN_DATA": str(self.data_dir),
            "TIFFIN_SEALS": str(self.seals.folder),
            "TIFFIN_SEAL_KEY": str(self.seals.key_file),
            "TIFFIN_KEY_FILE": str(self.privacy.key_file),
            "TIFFIN_KEYS_URL": self.privacy.keys_url,
            "TIFFIN_POSITION_DAYS": str(self.positions.history_days),
            "TIFFIN_GATEWAY_TOKEN": self.positions.gateway_token,
            "LOG_LEVEL": self.observability.log_level,
        }
        if self.observability.metrics_dir is not None:
            variables["PROMETHEUS_MULTIPROC_DIR"] = str(self.observability.metrics_dir)
        return variables


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment. Raises InvalidSettings, which names the variable."""
    env = os.environ if environ is None else environ
    cores = os.cpu_count() or 2
    data_dir = Path(env.get("TIFFIN_DATA") or ".tiffin").expanduser().resolve()
    metrics_dir = env.get("PROMETHEUS_MULTIPROC_DIR")
    return Settings(
        database=DatabaseSettings(
            url=_database_url(env.get("DATABASE_URL", "")),
            store_pool=PoolSettings(max_size=_number(env, "TIFFIN_STORE_POOL", 8, 1, 50)),
            read_pool=PoolSettings(max_size=_number(env, "TIFFIN_READ_POOL", 6, 1, 50)),
            durable_barrier=_number(env, "TIFFIN_DURABLE_BARRIER", 0, 0, 1) == 1,
        ),
        valkey=ValkeySettings(url=env.get("VALKEY_URL", "")),
        world=WorldSettings(name=env.get("TIFFIN_WORLD") or "tiffin"),
        api=ApiSettings(
            host=env.get("TIFFIN_HOST") or "127.0.0.1",
            port=_number(env, "TIFFIN_PORT", 8000, 1, 65_535),
            workers=_number(env, "TIFFIN_API_WORKERS", max(1, min(2, cores - 1)), 1, 64),
            threads=_number(env, "TIFFIN_API_THREADS", 12, 1, 200),
            trusted_proxies=_number(env, "TIFFIN_TRUSTED_PROXIES", 0, 0, 10),
        ),
        worker=WorkerSettings(
            processes=_number(env, "TIFFIN_WORKER_PROCESSES", 1, 1, 64),
            threads=_number(env, "TIFFIN_WORKER_THREADS", 24, 1, 200),
        ),
        seals=SealSettings(
            folder=_path(env, "TIFFIN_SEALS", data_dir / "seals"),
            key_file=_path(env, "TIFFIN_SEAL_KEY", data_dir / "keys" / "seal.ed25519"),
        ),
        privacy=PrivacySettings(
            key_file=_path(env, "TIFFIN_KEY_FILE", data_dir / "keys" / "personal.json"),
            keys_url=_database_url(env.get("TIFFIN_KEYS_URL", ""), "TIFFIN_KEYS_URL"),
        ),
        positions=PositionSettings(
            history_days=_number(env, "TIFFIN_POSITION_DAYS", 30, 1, MOST_POSITION_DAYS),
            gateway_token=_token(env.get("TIFFIN_GATEWAY_TOKEN", "")),
        ),
        observability=ObservabilitySettings(
            log_level=_log_level(env.get("LOG_LEVEL", "")),
            metrics_dir=Path(metrics_dir) if metrics_dir else None,
        ),
        regions=_regions(env.get("TIFFIN_REGIONS", "")),
        data_dir=data_dir,
    )


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise InvalidSettings(f"{name} is {text!r}; set a whole number from {low} to {high}, or leave it out.")
    return int(text)


def _token(text: str) -> str:
    if text and not (len(text) >= TOKEN_LENGTH and text.isascii() and text.isprintable() and text.strip() == text):
        raise InvalidSettings(
            f"TIFFIN_GATEWAY_TOKEN must have at least {TOKEN_LENGTH} ASCII characters: try `openssl rand -hex 32`."
        )
    return text


def _path(env: Mapping[str, str], name: str, default: Path) -> Path:
    return Path(env[name]).expanduser().resolve() if env.get(name) else default


def _database_url(url: str, name: str = "DATABASE_URL") -> str:
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise InvalidSettings(
            f"{name} must begin with postgresql:// (no driver name); leave it out for the embedded server."
        )
    return url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url


def _log_level(text: str) -> str:
    level = text.strip().upper() or "INFO"
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if level not in levels:
        raise InvalidSettings(f"LOG_LEVEL is {text!r}; set one of {', '.join(levels)}.")
    return level


def _regions(path: str) -> tuple[Region, ...]:
    if not path:
        return (PORTO,)
    try:
        regions = msgspec.json.decode(Path(path).read_bytes(), type=tuple[Region, ...])
    except OSError as error:
        raise InvalidSettings(f"TIFFIN_REGIONS names {path!r}, which cannot be read: {error.strerror}.") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidSettings(f"TIFFIN_REGIONS: {path} is no list of regions: {error}") from error
    if not regions or len({region.id for region in regions}) != len(regions):
        raise InvalidSettings(f"TIFFIN_REGIONS: {path} must list at least one region, each id once.")
    return regions
