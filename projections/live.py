"""What happens to orders, told at once to whoever watches: each event is published to its order, restaurant and driver.

Nothing old is told: after a reload it goes on at the log's head, and watchers are told to fetch anew.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import redis
from msgspec.structs import replace
from sqlalchemy import Connection, func, select

from domain.event import Event
from domain.order import events
from projections import positions
from projections.log import Logged
from projections.order_details import METADATA, ORDERS
from projections.order_steps import OVER, moves
from projections.valkey import keys

RESYNC = b"resync"
"""The one message of the resync channel."""


class OrderMessage(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """An event of an order. No personal field but the driver's first name; `data` holds what `SHOWN` names.

    `position` is the log's, `version` the order's and the sequence of its messages; status, dispatch and driver
    (who is assigned) are as after the event.
    """

    position: int
    order_id: UUID
    version: int
    topic: str
    occurred_at: datetime
    status: str
    dispatch: str
    restaurant_id: UUID
    driver_id: UUID | None
    driver_name: str | None
    data: dict[str, Any]


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """An order as of `version`, as far as its next message needs it."""

    version: int = 0
    status: str = ""
    dispatch: str = ""
    restaurant_id: UUID
    driver_id: UUID | None = None
    driver_name: str | None = None


SHOWN: Mapping[type[Event], tuple[str, ...]] = {
    events.Confirmed: ("prep_seconds",),
    events.Rejected: ("reason",),
    events.MatchingStarted: ("round",),
    events.DriverOffered: ("offer_id", "sequence", "expires_at", "distance_m", "travel_seconds"),
    events.OfferDeclined: ("offer_id",),
    events.OfferExpired: ("offer_id",),
    events.OfferWithdrawn: ("offer_id", "reason"),
    events.NoDriverFound: ("round", "retry_at"),
    events.DriverAssigned: ("offer_id",),
    events.DriverUnassigned: ("reason",),
    events.Cancelled: ("by", "reason", "refund_minor"),
    events.EtaRevised: ("eta_at", "confidence", "breakdown"),
}
"""Fields told of each event; of others only that it happened."""


def _offered(event: events.DriverOffered) -> dict[str, Any]:
    return {"drivers_asked": event.broadcast.drivers if event.broadcast else 1, "batch": event.batch}


TOLD_TO_DRIVER: Mapping[type[Event], Callable[[Any], dict[str, Any]]] = {
    events.DriverOffered: _offered,
    events.DriverAssigned: lambda event: {"batch": event.batch},
}
"""What else the driver whom an event names is told: nobody else's business."""


class Live:
    """The follower that publishes; see `projections.projection.Follower`."""

    name = "live"

    def __init__(self, valkey: redis.Redis, *, prefix: str) -> None:
        """`valkey` decodes no responses; `prefix` is `WorldSettings.prefix`."""
        self._valkey = valkey
        self._prefix = prefix
        self._place = keys.live_place(prefix)
        self._tracks = keys.live_tracks(prefix)

    def position(self, connection: Connection) -> int:
        """Tell how far it has come; where that is lost, learn the orders that are not over, and start at the head."""
        place = self._read_place()
        if place is None:
            self._reload(connection)
            place = self._read_place()
        return place[0] if place else 0

    def apply(self, batch: Sequence[Logged]) -> None:
        """Publish a batch. Where the place is lost nothing is done: `position`, asked next, finds that out."""
        place = self._read_place()
        if place is None or not batch:
            return
        reached, quiet_until = place
        news = [logged for logged in batch if logged.position > reached and logged.topic.startswith("order.")]
        tracks = self._read_tracks(news)
        told = [(track, logged) for logged in news if (track := _step(tracks, logged)) is not None]
        over = [str(order_id) for order_id, track in tracks.items() if track.status in OVER]
        kept = {str(order_id): msgspec.json.encode(track) for order_id, track in tracks.items()}
        with self._valkey.pipeline(transaction=True) as pipeline:
            if kept:
                pipeline.hset(self._tracks, mapping=cast("dict[Any, Any]", kept))
            if over:
                pipeline.hdel(self._tracks, *over)
            pipeline.hset(self._place, "position", batch[-1].position)
            for track, logged in told:
                if logged.position > quiet_until:
                    self._publish(pipeline, track, logged)
            pipeline.execute()

    def forget(self) -> None:
        """Start anew at the log's head."""
        self._valkey.delete(self._place)

    def _read_place(self) -> tuple[int, int] | None:
        reached, quiet_until = cast("list[bytes | None]", self._valkey.hmget(self._place, ["position", "quiet_until"]))
        return (int(reached), int(quiet_until)) if reached and quiet_until else None

    def _read_tracks(self, news: Sequence[Logged]) -> dict[UUID, Track]:
        orders = list(dict.fromkeys(logged.stream_id for logged in news))
        if not orders:
            return {}
        stored = cast("list[bytes | None]", self._valkey.hmget(self._tracks, [str(order_id) for order_id in orders]))
        return {
            order_id: msgspec.json.decode(track, type=Track)
            for order_id, track in zip(orders, stored, strict=True)
            if track is not None
        }

    def _publish(self, pipeline: redis.client.Pipeline, track: Track, logged: Logged) -> None:
        message = msgspec.json.encode(_message(track, logged))
        pipeline.publish(keys.order_channel(self._prefix, logged.stream_id), message)
        pipeline.publish(keys.restaurant_channel(self._prefix, track.restaurant_id), message)
        concerned = getattr(logged.event, "driver_id", None) or track.driver_id
        if concerned is not None:
            if (more := TOLD_TO_DRIVER.get(type(logged.event))) is not None:
                message = msgspec.json.encode(_message(track, logged, more(logged.event)))
            pipeline.publish(keys.driver_channel(self._prefix, concerned), message)

    def _reload(self, connection: Connection) -> None:
        head = positions.head(connection)
        reached, tracks = read_tracks(connection)
        with self._valkey.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._tracks)
            if tracks:
                encoded = {str(order_id): msgspec.json.encode(track) for order_id, track in tracks.items()}
                pipeline.hset(self._tracks, mapping=cast("dict[Any, Any]", encoded))
            # What the read model has not reached yet is folded, but not told.
            pipeline.hset(self._place, mapping={"position": reached, "quiet_until": head})
            pipeline.publish(keys.resync_channel(self._prefix), RESYNC)
            pipeline.execute()


def read_tracks(connection: Connection) -> tuple[int, dict[UUID, Track]]:
    """Every order that is not over, and the log position that they are of."""
    at = positions.POSITIONS.c
    reached = (
        select(func.coalesce(func.max(at.position), 0))
        .where(at.name == METADATA.schema, at.state.in_(positions.READABLE))
        .scalar_subquery()
    )
    # Asked first, for when no order is open. Otherwise one statement, one snapshot: rows and position fit.
    position = int(connection.execute(select(reached)).scalar_one())
    fields = Track.__struct_fields__
    columns = (ORDERS.c[name] for name in ("order_id", *fields))
    open_orders = ORDERS.c.status.not_in([status.value for status in OVER])
    rows = connection.execute(select(*columns, reached.label("reached")).where(open_orders)).mappings().all()
    tracks = {row["order_id"]: _first_name_only(Track(**{name: row[name] for name in fields})) for row in rows}
    return (int(rows[0]["reached"]) if rows else position), tracks


def _step(tracks: dict[UUID, Track], logged: Logged) -> Track | None:
    """Fold an event into its order's track; None for an order that is over or an event known already.

    The answer, which the message is made of, still names the driver whom a cancelled order had.
    """
    event, order_id = logged.event, logged.stream_id
    track = Track(restaurant_id=event.restaurant_id) if isinstance(event, events.Placed) else tracks.get(order_id)
    if track is None or track.status in OVER or logged.version <= track.version:
        return None
    changes: dict[str, Any] = {"version": logged.version, **moves(event)}
    if isinstance(event, events.DriverAssigned):
        changes |= {"driver_id": event.driver_id, "driver_name": event.driver_name}
    elif isinstance(event, events.DriverUnassigned):
        changes |= {"driver_id": None, "driver_name": None}
    tracks[order_id] = _first_name_only(replace(track, **changes))
    return tracks[order_id]


def _first_name_only(track: Track) -> Track:
    return replace(track, driver_name=track.driver_name.partition(" ")[0]) if track.driver_name else track


def _message(track: Track, logged: Logged, more: Mapping[str, Any] | None = None) -> OrderMessage:
    return OrderMessage(
        position=logged.position,
        order_id=logged.stream_id,
        version=logged.version,
        topic=logged.topic,
        occurred_at=logged.occurred_at,
        status=track.status,
        dispatch=track.dispatch,
        restaurant_id=track.restaurant_id,
        driver_id=track.driver_id,
        driver_name=track.driver_name,
        data={name: getattr(logged.event, name) for name in SHOWN.get(type(logged.event), ())} | dict(more or {}),
    )
