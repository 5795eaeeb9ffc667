"""`tiffin audit`: is the log the one that was written, and proofs of it for third parties."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import click
import msgspec
import psycopg
from eventsourcing.persistence import MapperDeserialisationError

from application import time_travel
from application.bundle import Bundle, NotReplayable
from application.catalogue import catalogue
from application.cli.migrated import migrated
from application.clocks import MachineClock
from application.event_store import PostgresEventStore
from application.privacy.keys import log_reader, open_keys
from application.seals import export as exports
from application.seals import proofs, verification
from application.seals.book import KEY_BYTES, Book, UnreadableSeals
from application.seals.verification import Report
from application.settings import Settings, read_settings
from application.store_connections import Connection
from domain.errors import NotFound
from projections import recheck
from projections.connections import open_engine
from projections.failures import told
from projections.log import LogReader, Unreadable
from projections.registry import PROJECTIONS

PROGRESS_EVERY = 100_000
ASK_VERIFY = "`tiffin audit verify` says whether the log is the one that was written."
WIDEST = 200
"""Characters of a value on the terminal."""


def _keys(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Public keys as seals spell them."""
    for key in given:
        if not re.fullmatch(f"[0-9A-Fa-f]{{{2 * KEY_BYTES}}}", key):
            raise click.BadParameter(f"{key!r} is no public key: `tiffin audit keys` prints those on file.")
    return tuple(key.lower() for key in given)


@click.group(name="audit")
def command() -> None:
    """Verify the log against its seals, prove single events, replay, export."""


@command.command(name="verify", short_help="Check hash chain, Merkle roots and signatures.")
@click.option("--from", "first", type=click.IntRange(1), default=1, show_default=True, help="First log position.")
@click.option("--to", "last", type=click.IntRange(1), help="Last log position (default: the log's end).")
@click.option(
    "--key",
    "keys",
    multiple=True,
    callback=_keys,
    help="A public key you trust, in hexadecimal (default: those on file).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON line.")
def verify(first: int, last: int | None, keys: tuple[str, ...], *, as_json: bool) -> None:
    """Check hash chain, Merkle roots and signatures; exit 1 when something does not fit."""
    if last is not None and last < first:
        raise click.UsageError(f"--to {last} comes before --from {first}.")
    told = 0

    def progress(position: int) -> None:
        nonlocal told
        if position - told >= PROGRESS_EVERY:
            told = position
            click.echo(f"verified up to {position}", err=True)

    with opened() as (connection, book):
        try:
            report = verification.verify_log(
                connection, book.seals(), keys or book.keys(), first=first, last=last, on_progress=progress
            )
        except ValueError as error:
            raise click.ClickException(f"{error}.") from None
    click.echo(msgspec.json.encode(report).decode() if as_json else _sentences(report))
    if not report.ok:
        raise SystemExit(1)


@command.command(name="prove", short_help="Print the proof of one event.")
@click.argument("event_id", type=click.UUID)
def prove(event_id: UUID) -> None:
    """Print the proof that the event EVENT_ID is in the sealed log, as JSON."""
    with opened() as (connection, book):
        try:
            proof = proofs.prove(connection, book.seals(), event_id)
        except proofs.NotProvable as error:
            raise click.ClickException(str(error)) from None
    click.echo(msgspec.json.format(msgspec.json.encode(proof)).decode())


@command.command(name="verify-proof", short_help="Check such a proof, without a database.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, required=True, callback=_keys, help="A public key you trust, in hexadecimal."
)
def verify_proof(file: Path, keys: tuple[str, ...]) -> None:
    """Check a proof made by `tiffin audit prove`. Needs no database, only a key that you trust."""
    try:
        proof = msgspec.json.decode(file.read_bytes(), type=proofs.Proof)
    except msgspec.MsgspecError as error:
        raise click.ClickException(f"{file} is no proof: {error}.") from None
    if (reason := proofs.check(proof, keys)) is not None:
        raise click.ClickException(f"The proof does not hold: {reason}.")
    click.echo(f"Event {proof.position} ({proof.topic}) was in the log when it was sealed at {proof.seal.sealed_at}.")


@command.command(name="export", short_help="Write the log with its seals into a folder.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "first", type=click.IntRange(1), default=1, show_default=True, help="First log position.")
@click.option("--to", "last", type=click.IntRange(1), help="Last log position (default: the last sealed one).")
def export(folder: Path, first: int, last: int | None) -> None:
    """Write the log with its seals into the new folder FOLDER; tools/verify_export.py checks it anywhere."""
    if last is not None and last < first:
        raise click.UsageError(f"--to {last} comes before --from {first}.")
    with opened() as (connection, book):
        try:
            manifest = exports.export(
                connection,
                folder,
                book.seals(),
                book.keys(),
                first=first,
                last=last,
                catalogue=b"".join(msgspec.json.encode(entry) + b"\n" for entry in catalogue()),
                now=MachineClock().machine_now(),
                on_progress=lambda position: click.echo(f"exported up to {position}", err=True),
            )
        except (exports.NotExportable, OSError) as error:
            raise click.ClickException(f"{error}.") from None
    click.echo(f"Events {manifest.first} to {manifest.last} are in {folder}.")


@command.command(name="replay", short_help="Read the log through the code of today.")
@click.option("--stream", "stream_id", type=click.UUID, help="Step through one stream: each event and what it changed.")
@click.option("--all", "everything", is_flag=True, help="Fold the whole log anew and compare with the read models.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Fold an export bundle, or one --stream of it; needs no database.",
)
def replay(stream_id: UUID | None, bundle: Path | None, *, everything: bool) -> None:
    """Read the log through the code of today. Sets nothing going; exit 1 when a read model shows something else."""
    if everything == (stream_id is not None or bundle is not None):
        raise click.UsageError("Say either --stream ID or --all, or name a --bundle.")
    if bundle is not None:
        _replay_bundle(Bundle(bundle), stream_id)
        return
    with migrated() as settings:
        try:
            if stream_id is not None:
                _step_through(settings, stream_id)
            elif not _recheck(settings):
                raise SystemExit(1)
        except (MapperDeserialisationError, Unreadable) as error:
            raise click.ClickException(f"{error}. {ASK_VERIFY}") from error


def _replay_bundle(bundle: Bundle, stream_id: UUID | None) -> None:
    try:
        if stream_id is None:
            click.echo(msgspec.json.format(msgspec.json.encode(bundle.replay())).decode())
        else:
            _walk(bundle, stream_id)
    except (exports.NotExportable, NotReplayable) as error:
        raise click.ClickException(f"{error}.") from None


def _step_through(settings: Settings, stream_id: UUID) -> None:
    with open_keys(settings) as keys, closing(PostgresEventStore(settings.database, keys)) as store:
        _walk(store, stream_id)


def _walk(streams: time_travel.Streams, stream_id: UUID) -> None:
    try:
        for step in time_travel.steps(streams, stream_id):
            _tell(step)
    except NotFound as error:
        raise click.ClickException(str(error)) from None


def _tell(step: time_travel.Step) -> None:
    one = step.recorded
    who = f"{one.meta.actor_type} {one.meta.actor_id or ''}".strip()
    click.secho(f"{one.originator_version:>4}  {one.occurred_at:%Y-%m-%d %H:%M:%S}  {one.event.TOPIC}", bold=True)
    click.echo(f"      by {who}")
    for change in step.changes:
        click.echo(f"      {change.path}: {_shown(change.before)} → {_shown(change.after)}")


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}…"


def _recheck(settings: Settings) -> bool:
    with open_keys(settings) as keys:
        return _compare(settings, log_reader(settings, keys))


def _compare(settings: Settings, reader: LogReader) -> bool:
    engine, same = open_engine(settings.database.url), True
    for projection in PROJECTIONS:
        try:
            found = recheck.compare(
                engine, reader, projection, lambda position, end: click.echo(f"{position}/{end}", err=True)
            )
        except LookupError as error:
            raise click.ClickException(str(error)) from None
        verdict = "as the log says" if found.same else "DIFFERENT"
        click.echo(f"{found.name}: {found.rows} rows as of event {found.position}, {verdict}")
        for kind, rows in (("wrong", found.wrong), ("missing", found.missing)):
            for row in rows:
                click.echo(f"  {kind} {row}")
        same = same and found.same
    return same


@command.command(name="keys", short_help="Print the public keys of the seals.")
def list_keys() -> None:
    """Print the public keys of the seals, to be handed to who verifies."""
    click.echo("\n".join(Book(read_settings().seals).keys()))


@contextmanager
def opened() -> Iterator[tuple[Connection, Book]]:
    """The log, read-only, and its seals."""
    with (
        migrated() as settings,
        psycopg.connect(
            settings.database.url,
            autocommit=True,
            connect_timeout=settings.database.connect_timeout_seconds,
            application_name="tiffin-audit",
            options="-c default_transaction_read_only=on -c statement_timeout=0",
        ) as connection,
    ):
        try:
            yield connection, book_of(settings)
        except UnreadableSeals as error:
            raise click.ClickException(str(error)) from None
        except psycopg.DataError as error:
            raise click.ClickException(f"An event cannot be read: {told(error)}. {ASK_VERIFY}") from error


def book_of(settings: Settings) -> Book:
    """The seals that the settings name."""
    return Book(settings.seals)


def _sentences(report: Report) -> str:
    events = f"{report.events} events ({report.first} to {report.last}) and {report.seals} seals"
    speed = f"{report.seconds} s, {report.events_per_s:,.0f} events/s"
    lines = [f"{events} in {speed}; {report.unsealed} younger than the last seal."]
    for first, last, reason in report.faults:
        lines.append(f"event {first}: {reason}" if first == last else f"events {first} to {last}: {reason}")
    lines.append("Everything fits." if report.ok else f"{len(report.faults)} things do not fit.")
    return "\n".join(lines)
