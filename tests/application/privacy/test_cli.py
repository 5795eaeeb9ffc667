"""`tiffin privacy`, as an operator types it."""

from pathlib import Path

import psycopg
from click.testing import CliRunner, Result

from application.cli.__main__ import tiffin
from application.ids import new_id
from application.privacy.keys import open_keys
from application.settings import Settings
from tests.api.conftest import running_projector

ACCOUNT = """
INSERT INTO accounts (id, email, password_hash, role, subject_id, name, phone)
VALUES (%(id)s, 'ana@example.com', 'x', 'customer', %(id)s, 'Ana', '912')
"""


def run(settings: Settings, *arguments: str, said: str | None = None) -> Result:
    return CliRunner().invoke(tiffin, ["privacy", *arguments], env=settings.environment(), input=said)


def test_a_customer_is_forgotten_once_somebody_is_sure(settings: Settings, postgres_url: str) -> None:
    ana = new_id()
    with running_projector(settings), psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(ACCOUNT, {"id": ana})
        assert run(settings, "forget", str(ana), said="n\n").exit_code == 1
        assert connection.execute("SELECT email FROM accounts").fetchall() == [("ana@example.com",)]
        done = run(settings, "forget", str(ana), "--yes")
        assert done.exit_code == 0, done.output
        assert f"{ana} was forgotten, at " in done.output
        assert "until a projector runs" not in done.output
        rows = connection.execute("SELECT name, phone, disabled_at IS NULL FROM accounts").fetchall()
        assert rows == [("erased", None, False)]
    again = run(settings, "forget", str(ana), "--yes")
    assert "was forgotten before" in again.output


def test_who_is_not_there_is_named(settings: Settings) -> None:
    nobody = new_id()
    done = run(settings, "forget", str(nobody), "--yes")
    assert (done.exit_code, done.output) == (1, f"Error: There is no customer or driver {nobody}.\n")


def test_rotation_tells_what_to_copy(settings: Settings, tmp_path: Path) -> None:
    with open_keys(settings) as keys:
        keys.make([new_id().bytes, new_id().bytes])
    done = run(settings, "rotate")
    assert done.exit_code == 0
    assert "2 keys are wrapped with the new key" in done.output
    settings.privacy.key_file.write_text("no")
    broken = run(settings, "rotate")
    assert broken.exit_code == 1
    assert "Bring back the file from its copy" in broken.output
    assert tmp_path in settings.privacy.key_file.parents
