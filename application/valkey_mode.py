"""Which kind of server VALKEY_URL names. Tiffin runs on one primary, and says so before anything fails halfway."""

import redis

CHECK_SECONDS = 5.0


class OnACluster(Exception):  # noqa: N818 - names the outcome
    """VALKEY_URL names a node of a cluster; the message says what to do."""


def check(url: str) -> None:
    """Raise OnACluster for a node of a cluster. A server that does not answer is the business of who needs it."""
    with redis.Redis.from_url(url, socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS) as client:
        try:
            refuse(client)
        except (redis.ConnectionError, redis.TimeoutError):
            return


def refuse(client: redis.Redis) -> None:
    """Raise OnACluster, or redis.RedisError."""
    if int(client.info("cluster").get("cluster_enabled", 0)):
        raise OnACluster(
            "VALKEY_URL names a node of a cluster, which refuses every key that another node holds (MOVED): name one "
            "primary without cluster mode. How regions are spread: docs/decisions/0015-one-valkey.md."
        )
