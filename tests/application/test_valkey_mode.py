"""A node of a cluster is refused, before anything works by half."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from application import valkey_mode
from application.bootstrap import open_tiffin
from application.cli.__main__ import tiffin
from application.settings import Settings
from tests.application.valkey_cluster import valkey_cluster


@pytest.fixture
def node_url(tmp_path: Path) -> Iterator[str]:
    with valkey_cluster(tmp_path / "cluster") as cluster:
        node = cast("Any", cluster).get_nodes()[0]
        yield f"redis://{node.host}:{node.port}/0"


def test_a_node_of_a_cluster_is_refused(node_url: str, settings: Settings) -> None:
    on_a_node = replace(settings, valkey=replace(settings.valkey, url=node_url))
    with pytest.raises(valkey_mode.OnACluster, match="one primary without cluster mode"), open_tiffin(on_a_node):
        pass
    environment = {
        "TIFFIN_DATA": str(settings.data_dir / "data"), "DATABASE_URL": settings.database.url, "VALKEY_URL": node_url,
    }  # fmt: skip
    for process in ("up", "api", "projector", "follower", "planner", "worker"):
        refused = CliRunner().invoke(tiffin, [process], env=environment)
        assert isinstance(refused.exception, valkey_mode.OnACluster), process
    seen = CliRunner().invoke(tiffin, ["doctor"], env=environment)
    assert "WRONG  Valkey: a node of a cluster" in seen.output
    assert "docs/decisions/0015-one-valkey.md" in seen.output


def test_a_single_server_is_taken_and_one_that_does_not_answer_waited_for(valkey_url: str) -> None:
    valkey_mode.check(valkey_url)
    valkey_mode.check("redis://127.0.0.1:1/0")
