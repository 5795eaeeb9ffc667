"""Read your writes: wait, on the event loop, until a read model has passed a log position."""

from collections.abc import Collection


class PositionWaiter:
    """Follows every read model's position over one connection per process.

    Use it as `async with PositionWaiter(database_url) as waiter:`; it reconnects by itself.
    """

    def __init__(self, database_url: str) -> None:
        """`database_url` is a PostgreSQL URL without a driver's name."""
        self._database_url = database_url

    def position(self, names: Collection[str]) -> int:
        """The position that all the named read models are known to have reached: what they show is at least that new."""
        raise NotImplementedError

    async def wait(self, names: Collection[str], position: int, timeout_seconds: float = 1.0) -> int:
        """Wait until all of `names` have reached `position`, at most so long; answers where they are then."""
        raise NotImplementedError
