"""Settings are read from what is given, and a wrong one is named."""

from pathlib import Path

import msgspec
import pytest

from application import side
from application.settings import InvalidSettings, Settings, read_settings
from application.supervise import programs
from domain.region import PORTO
from projections import registry


def test_without_variables_everything_is_embedded() -> None:
    settings = read_settings({})
    assert settings.database.url == ""
    assert settings.valkey.url == ""
    assert settings.regions == (PORTO,)
    assert settings.data_dir == Path.cwd() / ".tiffin"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TIFFIN_PORT", "http"),
        ("TIFFIN_PORT", "70000"),
        ("TIFFIN_API_WORKERS", "0"),
        ("TIFFIN_POSITION_DAYS", "91"),
        ("LOG_LEVEL", "loud"),
        ("TIFFIN_GATEWAY_TOKEN", "too short"),
        ("DATABASE_URL", "mysql://there"),
        ("TIFFIN_REGIONS", "/nowhere.json"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(variable: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=variable):
        read_settings({variable: value})


def test_regions_come_from_a_file(tmp_path: Path) -> None:
    braga = msgspec.structs.replace(PORTO, id="braga", name="Braga")
    file = tmp_path / "regions.json"
    file.write_bytes(msgspec.json.encode([PORTO, braga]))
    assert read_settings({"TIFFIN_REGIONS": str(file)}).regions == (PORTO, braga)


def test_a_region_named_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "regions.json"
    file.write_bytes(msgspec.json.encode([PORTO, PORTO]))
    with pytest.raises(InvalidSettings, match="each id once"):
        read_settings({"TIFFIN_REGIONS": str(file)})


def test_a_child_process_reads_the_same_settings(tmp_path: Path) -> None:
    parent = read_settings(
        {
            "DATABASE_URL": "postgresql://ada@there/tiffin",
            "VALKEY_URL": "redis://there:6379/1",
            "TIFFIN_WORLD": "demo",
            "TIFFIN_PORT": "8123",
            "TIFFIN_API_WORKERS": "3",
            "TIFFIN_API_THREADS": "5",
            "TIFFIN_WORKER_PROCESSES": "2",
            "TIFFIN_WORKER_THREADS": "3",
            "TIFFIN_DATA": str(tmp_path),
            "TIFFIN_POSITION_DAYS": "14",
            "TIFFIN_GATEWAY_TOKEN": "0123456789" * 4,
            "LOG_LEVEL": "debug",
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        }
    )
    assert read_settings(parent.environment()) == parent


def test_regions_reach_a_child_process_by_file() -> None:
    assert "TIFFIN_REGIONS" not in Settings().environment(), "the supervisor writes the file and sets the variable"
    assert {program.name for program in programs(Settings())} == {"api", "projector", "follower", "worker", "planner"}


def test_all_processes_together_hold_fewer_than_100_connections() -> None:
    settings = Settings()
    store, reads = settings.database.store_pool.max_size, settings.database.read_pool.max_size
    listener, leader, threads_of_a_follower, history = 1, 1, 2, 1
    api = settings.api.workers * (store + reads + side.CONNECTIONS + listener + history)
    worker = settings.worker.processes * (store + reads + side.CONNECTIONS)
    # A thread holds one connection at a time, and a follower has two: it never fills its pools.
    follower = 2 * (threads_of_a_follower + listener + leader)
    # One thread, and the connection that leads.
    planner = 1 + 1 + leader
    lanes = len(registry.PROJECTIONS) + 2
    projector = lanes + listener + leader + 1
    assert api + worker + follower + planner + projector < 100
