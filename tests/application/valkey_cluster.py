"""A Valkey cluster of three nodes, each with a third of the slots, from the embedded binary."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import redis
from redis.cluster import ClusterNode, RedisCluster

from application.engines.account import make_private, make_reachable, run_as
from application.engines.valkey import HOST, binary
from tests.waiting import eventually

SLOTS = ((0, 5_460), (5_461, 10_922), (10_923, 16_383))
START_SECONDS = 30.0


@contextmanager
def valkey_cluster(folder: Path) -> Iterator[RedisCluster]:
    """Start it, wait until every node calls it whole, and end it afterwards."""
    make_reachable(binary())
    with ExitStack() as ending:
        nodes: list[redis.Redis] = []
        entrances: list[tuple[int, int]] = []
        for number, (first, last) in enumerate(SLOTS):
            port, bus_port = _free_ports()
            node = ending.enter_context(_node(folder / str(number), port, bus_port))
            _run(node, "CLUSTER", "ADDSLOTSRANGE", first, last)
            if entrances:
                _run(node, "CLUSTER", "MEET", HOST, *entrances[0])
            entrances.append((port, bus_port))
            nodes.append(node)
        eventually(lambda: all(_whole(node) for node in nodes), seconds=START_SECONDS)
        cluster = RedisCluster(
            startup_nodes=[cast("Any", ClusterNode)(HOST, entrances[0][0])], socket_timeout=5, socket_connect_timeout=2
        )
        ending.callback(cluster.close)
        yield cluster


@contextmanager
def _node(folder: Path, port: int, bus_port: int) -> Iterator[redis.Redis]:
    make_private(folder)
    command = [
        str(binary()), "--bind", HOST, "--port", str(port), "--dir", str(folder), "--save", "", "--logfile", "log",
        "--cluster-enabled", "yes", "--cluster-port", str(bus_port),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, **run_as())  # noqa: S603 - our own binary
    try:
        with redis.Redis(host=HOST, port=port, socket_timeout=5, socket_connect_timeout=2) as client:
            eventually(lambda: _answers(client), seconds=START_SECONDS)
            yield client
    finally:
        process.kill()
        process.wait(10)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _run(node: redis.Redis, *command: str | int) -> Any:
    return cast("Any", node).execute_command(*command)


def _whole(node: redis.Redis) -> bool:
    told = cast("dict[str, str]", _run(node, "CLUSTER INFO"))
    return told["cluster_state"] == "ok" and told["cluster_known_nodes"] == "3"


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]
