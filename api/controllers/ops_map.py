"""Operators watch a region: a page that holds no data, and the data that it fetches with a session's token."""

import gzip
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response
from litestar.params import FromQuery
from msgspec import Meta
from sqlalchemy import Connection

from api import map_examples
from api.call import ApiRequest
from api.operations import SUPPORT, plain, query
from api.pages.map import page
from api.pages.style import MAP_POLICY
from api.shared import Snapshot
from api.types import Time, in_utc
from application.bootstrap import Tiffin
from application.ops_history import SLICE, RegionHistory, region_slice, slice_of
from application.ops_map import RegionMap, region_map
from domain.errors import NotFound
from domain.region import Region

HTML = "text/html"
HEADERS = {
    "Content-Security-Policy": MAP_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NOTED_SECONDS = 60
"""How long one note of access covers a session that looks at the same again."""
LIVE_SECONDS = 0.9
"""How old a picture may be: who asks once a second has a new one each time, whoever else asks."""
PAST_SECONDS = 240.0
"""How long what is over is kept: also how long it may show a driver who was forgotten meanwhile."""
GROWING_SECONDS = 2.0
SETTLED = timedelta(minutes=1)
"""After that nothing more is written about a moment."""
LIVE, PAST = ("order_lists",), ("region_history", "order_timeline", "order_lists")

type Look = Callable[[Tiffin, Connection], msgspec.Struct]
type RegionName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,30}$")]


class OpsMap(Controller):
    """Where everybody is, and was."""

    path = "/"
    tags = ("ops",)

    @query(
        "/v1/ops/map",
        id="get_region_map",
        summary="A region's drivers and open orders",
        roles=SUPPORT,
        reads=LIVE,
        answer=map_examples.REGION_MAP,
        problems=(404,),
    )
    async def get_region_map(self, request: ApiRequest, region: FromQuery[RegionName]) -> Response[RegionMap]:
        """As of now, to ask again every second; rows are arrays. It names no customers, drivers or addresses.

        At most 20,000 drivers and the 5,000 oldest open orders. All who watch a region share a picture of it, which is
        made at most once a second in each process; who sends a Tiffin-Position gets a new one. Staff's look is noted
        at most once a minute for a session and region, before anything is shown.
        """
        of = _region(request, region)
        await request.services.in_thread(_note_once_a_minute, request)

        def look(tiffin: Tiffin, connection: Connection) -> msgspec.Struct:
            return region_map(tiffin, connection, of)

        snapshot = await _shared(request, ("map", region), LIVE, look, LIVE_SECONDS)
        return _answer(request, snapshot)

    @query(
        "/v1/ops/map/history",
        id="get_region_history",
        summary="Five minutes of a region's last hour",
        roles=SUPPORT,
        reads=PAST,
        answer=map_examples.REGION_HISTORY,
        problems=(404,),
    )
    async def get_region_history(
        self, request: ApiRequest, region: FromQuery[RegionName], since: FromQuery[Time]
    ) -> Response[RegionHistory]:
        """The slice that `since` is in (slices begin at full five minutes), sampled every 10 to 60 seconds.

        The more drivers, the rarer the samples: at most 100,000, of at most 20,000 drivers; and the 5,000 oldest orders
        open then. A driver's letters, one a sample: `-` off duty, `u` no position known, `f` free, `b` busy, `s`
        silent, `x` suspended. It is made once for all who replay it; their looks are noted as those at the map are.
        """
        of = _region(request, region)
        clock = request.services.clock
        began = slice_of(clock, in_utc("since", since))
        await request.services.in_thread(_note_once_a_minute, request)
        settled = clock.now() > began + SLICE + SETTLED

        def look(tiffin: Tiffin, connection: Connection) -> msgspec.Struct:
            return region_slice(tiffin, connection, of, began)

        seconds = PAST_SECONDS if settled else GROWING_SECONDS
        snapshot = await _shared(request, ("history", region, began, settled), PAST, look, seconds)
        return _answer(request, snapshot)

    @plain(
        "/ops/map",
        id="show_region_map",
        summary="A page that draws a region live and replays its last hour",
        answer='<!doctype html>\n<html lang="en"><head><title>Tiffin map</title></head>…</html>\n',
        answer_type=HTML,
        threaded=False,
    )
    def show_region_map(self, request: ApiRequest) -> Response[str]:
        """Open to anybody, for it holds nothing: support and admins log in on it, and it keeps the token in memory.

        It loads nothing but this API's answers and ends its session when it is logged out or closed.
        """
        return Response(page(request.services.tiffin.regions.values()), media_type=HTML, headers=HEADERS)


def _region(request: ApiRequest, name: str) -> Region:
    regions = request.services.tiffin.regions
    if name not in regions:
        raise NotFound("region", name)
    return regions[name]


async def _shared(
    request: ApiRequest, key: tuple[object, ...], reads: Collection[str], look: Look, keep_seconds: float
) -> Snapshot:
    services = request.services

    def made(position: int) -> Snapshot:
        with services.read() as connection:
            return Snapshot.of(look(services.tiffin, connection), position)

    return await services.shared.get(
        key,
        lambda: services.in_thread(made, services.waiter.position(reads)),
        keep_seconds=keep_seconds,
        fresh=b"tiffin-position" in request.call.headers,
    )


def _answer[T](request: ApiRequest, snapshot: Snapshot) -> Response[T]:
    request.call.position = snapshot.position
    zips = b"gzip" in request.call.headers.get(b"accept-encoding", b"")
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if zips else {})
    content: Any = snapshot.zipped if zips else gzip.decompress(snapshot.zipped)
    return Response(content, media_type="application/json", headers=headers)


def _note_once_a_minute(request: ApiRequest) -> None:
    """Note first and remember then: a note that fails shows nothing, two looks at once are noted twice."""
    tiffin = request.services.tiffin
    asked = request.scope["query_string"].decode("latin-1")
    key = f"{tiffin.settings.world.prefix}map-noted:{request.me.token_hash.hex()}:{request.scope['path']}?{asked}"
    if not tiffin.valkey.exists(key):
        request.note_access()
        tiffin.valkey.set(key, b"1", ex=NOTED_SECONDS)
