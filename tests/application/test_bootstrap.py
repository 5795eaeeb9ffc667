"""What `open_tiffin` wires together, and what it refuses."""

import psycopg
import pytest
from sqlalchemy import text

from application import revision
from application.bootstrap import Tiffin, open_tiffin
from application.clocks import MachineClock
from application.settings import Settings


def test_everything_answers(tiffin: Tiffin) -> None:
    with tiffin.engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "10s"
    assert tiffin.valkey.ping()
    assert tiffin.store.read(after=0, limit=1) == []
    assert list(tiffin.regions) == ["porto"]
    assert isinstance(tiffin.clock, MachineClock)


def test_a_database_of_another_revision_is_refused(settings: Settings) -> None:
    with psycopg.connect(settings.database.url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(revision.WrongRevision, match=r"at revision 0000.*tiffin migrate"), open_tiffin(settings):
        pass


def test_the_needed_revision_is_alembics_head(settings: Settings) -> None:
    assert revision.found(settings.database.url) == revision.needed()
