"""Which region a stream belongs to: its first event says so, and it never changes."""

from collections import OrderedDict
from uuid import UUID

from application import logs
from application.bootstrap import Tiffin
from application.kinds import DRIVER, ORDER
from domain import driver as drivers
from domain import order as orders
from domain.event import Event, Recorded
from domain.region import Region

log = logs.logger(__name__)

REMEMBERED = 200_000


class StreamRegions:
    """Remembers the streams followed lately; asks the store about others."""

    def __init__(self, tiffin: Tiffin) -> None:
        """Regions are those of the settings."""
        self._tiffin = tiffin
        self._known: OrderedDict[UUID, str] = OrderedDict()

    def of(self, recorded: Recorded[Event]) -> Region:
        """Return the region of an order's or a driver's event."""
        event = recorded.event
        if isinstance(event, orders.Placed | drivers.Registered):
            name = event.region
        elif recorded.originator_id in self._known:
            name = self._known[recorded.originator_id]
        else:
            name = self._ask(recorded)
        self._remember(recorded.originator_id, name)
        region = self._tiffin.regions.get(name)
        if region is not None:
            return region
        # Reactions of other regions must not stand still because the settings lost this one.
        log.error("region unknown to the settings", region=name)
        return next(iter(self._tiffin.regions.values()))

    def _ask(self, recorded: Recorded[Event]) -> str:
        if recorded.event.TOPIC.startswith("order."):
            return self._tiffin.store.load(ORDER, recorded.originator_id, version=1).region
        return self._tiffin.store.load(DRIVER, recorded.originator_id, version=1).region

    def _remember(self, stream_id: UUID, name: str) -> None:
        self._known[stream_id] = name
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
