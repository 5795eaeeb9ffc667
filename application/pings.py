"""Pings on the event loop: many requests' pings in one write, the next as soon as the last is acknowledged."""

from collections.abc import Mapping, Sequence

from application.positions import Ping, PingCounts
from domain.region import Region


class Busy(Exception):  # noqa: N818 - names the outcome
    """More pings wait than may, or Valkey does not answer; send them again after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int = 1) -> None:
        """Whole seconds, as HTTP's Retry-After counts."""
        super().__init__(f"Positions cannot be taken now; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class PingWriter:
    """One per API process: `async with PingWriter(url, …) as writer` in the application's lifespan."""

    def __init__(self, valkey_url: str, *, prefix: str, regions: Mapping[str, Region], clock: object) -> None:
        """`clock` gives both nows, read once a write."""

    async def submit(self, region: str, pings: Sequence[Ping]) -> PingCounts:
        """Return what became of these pings once Valkey has acknowledged them. Raises Busy."""
