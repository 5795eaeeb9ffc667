"""Support answers a dispute about an order: one call, as data or as a page to read and print."""

from uuid import UUID

from litestar import Controller, Response
from litestar.params import FromPath, FromQuery

from api import dispute_example
from api.call import ApiRequest
from api.operations import SUPPORT, query
from api.pages.dispute import page
from api.pages.style import POLICY
from application.disputes import Dispute, OrderTrack, gather, order_track

HTML = "text/html"
READS = ("inbox", "driver_board")
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""A page about people is kept nowhere and tells nobody."""


class Disputes(Controller):
    """What support answers disputes with."""

    path = "/v1/support/orders/{order_id:uuid}"
    tags = ("support",)

    @query(
        "/dispute",
        id="explain_order",
        summary="Who was late, by how much, and why",
        roles=SUPPORT,
        reads=READS,
        answer=dispute_example.DISPUTE,
        problems=(404,),
    )
    def explain_order(
        self,
        request: ApiRequest,
        order_id: FromPath[UUID],
        positions: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    ) -> Dispute:
        """Every step with actor, channel and address, measured against what was promised; every offer; the money.

        Late is who broke a word of their own while the order waited for it: the restaurant against its announced
        preparation, the driver against the offer's travel time and the estimate at pick-up, the platform where food
        was ready and no driver could be there. The rest of the total is named share by share. With `positions=true`
        where its drivers were, at up to 200 moments, as far as that is kept.
        """
        return _told(request, order_id, with_positions=positions)

    @query(
        "/track",
        id="get_order_track",
        summary="Where an order's drivers were",
        roles=SUPPORT,
        answer=dispute_example.TRACK,
        problems=(404,),
    )
    def get_order_track(self, request: ApiRequest, order_id: FromPath[UUID]) -> OrderTrack:
        """Each driver's positions between assignment and delivery (or losing the order), as long as they are kept."""
        request.note_access(order_id)
        return order_track(request.services.tiffin, order_id)

    @query(
        "/dispute.html",
        id="show_dispute",
        summary="The same as a page",
        roles=SUPPORT,
        reads=READS,
        answer='<!doctype html>\n<html lang="en"><head><title>Order at Cervejaria Aliados</title></head>…</html>\n',
        answer_type=HTML,
        problems=(404,),
    )
    def show_dispute(
        self,
        request: ApiRequest,
        order_id: FromPath[UUID],
        positions: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    ) -> Response[str]:
        """To read on any screen and to print; times are the region's. It loads nothing and runs no scripts.

        It wants the session's bearer token as every call does: fetch it, save it, open it.
        """
        told = page(_told(request, order_id, with_positions=positions))
        return Response(told, media_type=HTML, headers=HEADERS)


def _told(request: ApiRequest, order_id: UUID, *, with_positions: bool) -> Dispute:
    request.note_access(order_id)
    with request.services.read() as connection:
        return gather(request.services.tiffin, connection, order_id, with_positions=with_positions)
