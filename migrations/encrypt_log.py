"""One-off: encrypt what a development database holds in the clear from before: `python -m migrations.encrypt_log`.

It writes the log anew, every hash with it, so the seals made before hold no more: they are put aside, and the sealer
begins again. Nothing may run meanwhile. A log that auditors rely on is never rewritten.
"""

from typing import Any
from uuid import UUID

import click
import psycopg
from eventsourcing.persistence import StoredEvent
from msgspec.structs import replace

from application.chain import COLUMNS, GENESIS, LoggedRow, link
from application.engines.embedded import resolved
from application.privacy.keys import open_keys
from application.revision import check
from application.seals.book import BOOK
from application.settings import Settings, read_settings
from domain.encryption import PersonalData, SubjectKeys
from domain.mapper import JSONMapper
from domain.order.events import NoteAdded, Placed

AT_ONCE = 1_000
PUT_ASIDE = "seals-before-encryption.ndjson"


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def main(*, yes: bool) -> None:
    """Encrypt the log's personal data in place. For development databases only: every hash changes."""
    if not yes:
        click.confirm("Write the whole log anew? No seal, proof or export made before will fit any more.", abort=True)
    with resolved(read_settings()) as settings:
        check(settings.database.url)
        with open_keys(settings) as keys:
            done = encrypt_log(settings, keys)
    click.echo(f"{done} events are written anew; the seals until now are in {PUT_ASIDE}.")
    click.echo("Rebuild the read models: `tiffin projections rebuild NAME` for each, or `tiffin reset` and begin anew.")


def encrypt_log(settings: Settings, keys: SubjectKeys) -> int:
    """Do it, in one transaction; answers how many events there are."""
    mapper, customers = JSONMapper(personal=PersonalData(keys)), dict[UUID, UUID]()
    position, head = 0, GENESIS
    with psycopg.connect(settings.database.url) as connection:
        connection.execute("SET LOCAL lock_timeout = '5s'")
        connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        connection.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
        while rows := _read(connection, position):
            anew: list[tuple[bytes, bytes, int]] = []
            for row in rows:
                state = _encrypted(mapper, row, customers)
                head = link(head, row._replace(state=state))
                anew.append((state, head, row.position))
            with connection.cursor() as cursor:
                cursor.executemany("UPDATE events SET state = %s, hash = %s WHERE position = %s", anew)
            position = rows[-1].position
        connection.execute("UPDATE log_head SET hash = %s", (head,))
        connection.execute("ALTER TABLE events ENABLE TRIGGER events_append_only")
        connection.execute("DELETE FROM snapshots")
    book = settings.seals.folder / BOOK
    if book.exists():
        book.rename(book.with_name(PUT_ASIDE))
    return position


def _read(connection: psycopg.Connection[Any], after: int) -> list[LoggedRow]:
    query = f"SELECT {COLUMNS} FROM events WHERE position > %s ORDER BY position LIMIT %s"  # noqa: S608 - our own names
    return [LoggedRow(*row) for row in connection.execute(query, (after, AT_ONCE))]


def _encrypted(mapper: JSONMapper, row: LoggedRow, customers: dict[UUID, UUID]) -> bytes:
    """The event's new bytes. What was encrypted before comes out the same."""
    stored = StoredEvent(row.originator_id, row.originator_version, row.topic, bytes(row.state))
    recorded = mapper.with_address(mapper.to_domain_event(stored))
    event = recorded.event
    if isinstance(event, Placed):
        customers[row.originator_id] = event.customer_id
    if isinstance(event, NoteAdded) and event.customer_id is None:
        recorded = replace(recorded, event=replace(event, customer_id=customers.get(row.originator_id)))
    return mapper.to_stored_event(recorded).state


if __name__ == "__main__":
    main()
