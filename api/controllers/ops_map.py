"""Operators watch a region: a page that holds no data, and the data that it fetches with a session's token."""

from typing import Annotated

from litestar import Controller, Response
from litestar.params import FromQuery
from msgspec import Meta

from api import examples
from api.call import ApiRequest
from api.operations import SUPPORT, plain, query
from api.pages.map import page
from api.pages.style import MAP_POLICY
from application.ops_map import RegionMap, region_map
from domain.errors import NotFound

HTML = "text/html"
HEADERS = {
    "Content-Security-Policy": MAP_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NOTED_SECONDS = 60
"""How long one note of access covers a session that looks at the same region again."""

type RegionName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,30}$")]


class OpsMap(Controller):
    """Where everybody is."""

    path = "/"
    tags = ("ops",)

    @query(
        "/v1/ops/map",
        id="get_region_map",
        summary="A region's drivers and open orders",
        roles=SUPPORT,
        reads=("order_lists",),
        answer=examples.REGION_MAP,
        problems=(404,),
    )
    def get_region_map(self, request: ApiRequest, region: FromQuery[RegionName]) -> RegionMap:
        """As of now, to ask again every second; rows are arrays. It names no customers, drivers or addresses.

        At most 20,000 drivers and the 5,000 oldest open orders. Staff's look is noted at most once a minute for a
        session and region, before anything is shown.
        """
        services = request.services
        if region not in services.tiffin.regions:
            raise NotFound("region", region)
        _note_once_a_minute(request, region)
        with services.read() as connection:
            return region_map(services.tiffin, connection, services.tiffin.regions[region])

    @plain(
        "/ops/map",
        id="show_region_map",
        summary="The same as a page that draws it live",
        answer='<!doctype html>\n<html lang="en"><head><title>Tiffin map</title></head>…</html>\n',
        answer_type=HTML,
        threaded=False,
    )
    def show_region_map(self, request: ApiRequest) -> Response[str]:
        """Open to anybody, for it holds nothing: support and admins log in on it, and it keeps the token in memory.

        It loads nothing but this API's answers and ends its session when it is logged out or closed.
        """
        return Response(page(request.services.tiffin.regions.values()), media_type=HTML, headers=HEADERS)


def _note_once_a_minute(request: ApiRequest, region: str) -> None:
    """Note first and remember then: a note that fails shows nothing, two looks at once are noted twice."""
    tiffin = request.services.tiffin
    key = f"{tiffin.settings.world.prefix}map-noted:{request.me.token_hash.hex()}:{region}"
    if not tiffin.valkey.exists(key):
        request.note_access()
        tiffin.valkey.set(key, b"1", ex=NOTED_SECONDS)
