"""What most subcommands begin with."""

from collections.abc import Iterator
from contextlib import contextmanager

from application.engines.embedded import resolved
from application.revision import check
from application.settings import Settings, read_settings


@contextmanager
def migrated() -> Iterator[Settings]:
    """Settings with the servers' addresses, for as long as this lasts. Raises WrongRevision for other code's tables."""
    with resolved(read_settings()) as settings:
        check(settings.database.url)
        yield settings
