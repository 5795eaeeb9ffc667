"""Customers browse, quote, order, follow and cancel."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from msgspec import Meta

from api import examples
from api.bodies.customer import Basket, NewOrder, OwnCancellation, Rating
from api.call import ApiRequest
from api.operations import CUSTOMER, EVERYONE, command, live, query
from api.order_views import OwnOrder, OwnOrderListing, listed
from api.streams import EVENT_STREAM, OrderStream, respond
from api.types import Cursor, Limit, Time, in_utc
from api.views import EtaView, OrdersSummary, QuoteView, RestaurantListing, RestaurantPage
from application.commands import CancelOrder, PlaceOrder, RateDelivery
from application.quotes import quote
from application.store import Answer
from domain.errors import NotFound
from domain.geo import Latitude, Longitude, Position
from domain.order.state import Status
from projections import order_details, order_lists, restaurants
from projections.order_details import OrderDetails
from projections.paging import Page

type Days = Annotated[int, Meta(ge=1, le=366)]
type Radius = Annotated[float, Meta(gt=0, le=50_000)]
type Search = Annotated[str, Meta(max_length=100)]


class Customer(Controller):
    """What customers do."""

    path = "/v1"
    tags = ("customer",)

    @query(
        "/restaurants",
        id="list_restaurants",
        summary="Restaurants near by",
        roles=EVERYONE,
        reads=("restaurants",),
        answer=examples.page(examples.LISTING),
    )
    def list_restaurants(
        self,
        request: ApiRequest,
        lat: FromQuery[Latitude],
        lon: FromQuery[Longitude],
        radius_m: FromQuery[Radius] = 5000.0,
        cuisine: FromQuery[Search | None] = None,
        open: FromQuery[bool] = True,  # noqa: A002, FBT002 - the query parameter's name
        q: FromQuery[Search | None] = None,
        limit: FromQuery[Limit] = 20,
        cursor: FromQuery[Cursor | None] = None,
    ) -> Page[RestaurantListing]:
        """Nearest first. `open=false` shows closed ones too; `q` is part of a restaurant's or a dish's name."""
        with request.services.read() as connection:
            page = restaurants.near(
                connection,
                position=Position(lat, lon),
                radius_m=radius_m,
                now=request.services.clock.now(),
                cuisine=cuisine,
                open_only=open,
                text=q,
                before=cursor,
                limit=limit,
            )
        return Page([RestaurantListing.of(near) for near in page.items], page.next_cursor)

    @query(
        "/restaurants/{restaurant_id:uuid}",
        id="get_restaurant",
        summary="A restaurant and its menu",
        roles=EVERYONE,
        reads=("restaurants",),
        answer=examples.RESTAURANT_PAGE,
        problems=(404,),
    )
    def get_restaurant(self, request: ApiRequest, restaurant_id: FromPath[UUID]) -> RestaurantPage:
        """With every dish, whether available or not."""
        services = request.services
        with services.read() as connection:
            view = restaurants.get(connection, restaurant_id)
            if view is None:
                raise NotFound("restaurant", restaurant_id)
            menu = restaurants.menu(connection, restaurant_id)
        return RestaurantPage.of(view, menu, services.currency(view.region), services.clock.now())

    @query(
        "/quotes",
        id="quote_basket",
        summary="What would it cost, and when would it come?",
        roles=CUSTOMER,
        reads=("restaurants",),
        method=post,
        body=examples.BASKET,
        answer=examples.QUOTE,
        problems=(404, 409),
    )
    async def quote_basket(self, request: ApiRequest, data: JSONBody[Basket]) -> QuoteView:
        """Prices and refuses like placing the order, without placing it. Changes nothing, so needs no key."""
        services = request.services
        quoted = await quote(
            services.tiffin,
            data.restaurant_id,
            data.order_lines(),
            data.dropoff.position.position(),
            data.tip_minor,
            services.clock.now(),
        )
        return QuoteView(
            lines=quoted.quote.lines,
            price=quoted.quote.price,
            delivery_distance_m=quoted.quote.delivery_distance_m,
            eta_seconds=quoted.eta.total_seconds,
            eta_breakdown=quoted.eta.breakdown,
        )

    @command(
        "/orders",
        id="place_order",
        summary="Order",
        roles=CUSTOMER,
        body=examples.NEW_ORDER,
        answer=examples.answer("placed", version=2),
        status=201,
        problems=(404, 409),
    )
    async def place_order(self, request: ApiRequest, data: JSONBody[NewOrder]) -> Response[Answer]:
        """The card is authorised first; a declined card places nothing (422)."""
        order = PlaceOrder(
            customer_id=request.me.subject_id,
            customer_name=request.me.name,
            restaurant_id=data.restaurant_id,
            lines=data.order_lines(),
            dropoff=data.domain_dropoff(),
            tip_minor=data.tip_minor,
            payment_method=data.payment_method,
        )
        answer = await request.run_async(order, data)
        return Response(answer, headers={"Location": f"/v1/orders/{answer.id}"})

    @query(
        "/orders",
        id="list_orders",
        summary="My orders",
        roles=CUSTOMER,
        reads=("order_lists",),
        answer=examples.OWN_ORDERS,
    )
    def list_orders(
        self,
        request: ApiRequest,
        status: FromQuery[Status | None] = None,
        since: FromQuery[Time | None] = None,
        limit: FromQuery[Limit] = 20,
        cursor: FromQuery[Cursor | None] = None,
    ) -> Page[OwnOrderListing]:
        """Newest first."""
        with request.services.read() as connection:
            page = order_lists.by_customer(
                connection,
                request.me.subject_id,
                status=status,
                since=moment("since", since),
                before=cursor,
                limit=limit,
            )
        return listed(OwnOrderListing.of, page)

    @query(
        "/orders/summary",
        id="summarise_orders",
        summary="My orders by status",
        roles=CUSTOMER,
        reads=("order_lists",),
        answer=examples.SUMMARY,
    )
    def summarise_orders(self, request: ApiRequest, days: FromQuery[Days] = 30) -> OrdersSummary:
        """How many, and for how much, in the last days."""
        since = request.services.clock.now() - timedelta(days=days)
        with request.services.read() as connection:
            statuses = order_lists.status_breakdown(connection, request.me.subject_id, since)
        return OrdersSummary(days=days, since=since, statuses=statuses)

    @query(
        "/orders/{order_id:uuid}",
        id="get_order",
        summary="One of my orders",
        roles=CUSTOMER,
        reads=("order_details",),
        answer=examples.OWN_ORDER,
        problems=(404,),
    )
    def get_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> OwnOrder:
        """As it is now."""
        return OwnOrder.of(_mine(request, order_id))

    @command(
        "/orders/{order_id:uuid}/cancellation",
        id="cancel_order",
        summary="Cancel my order",
        roles=CUSTOMER,
        body={"reason": "Ordered by mistake"},
        answer=examples.answer("cancelled"),
    )
    def cancel_order(self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[OwnCancellation]) -> Answer:
        """Possible until the kitchen begins."""
        return request.run(CancelOrder(order_id=order_id, reason=data.reason), data)

    @command(
        "/orders/{order_id:uuid}/rating",
        id="rate_delivery",
        summary="How was the delivery?",
        roles=CUSTOMER,
        body={"stars": 5},
        answer=examples.answer("completed"),
    )
    def rate_delivery(self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Rating]) -> Answer:
        """One to five stars for the driver, once, after delivery. They count when orders are offered."""
        return request.run(RateDelivery(order_id=order_id, stars=data.stars), data)

    @query(
        "/orders/{order_id:uuid}/eta",
        id="get_eta",
        summary="When does it come?",
        roles=CUSTOMER,
        reads=("order_details",),
        answer=examples.ETA,
        problems=(404,),
    )
    def get_eta(self, request: ApiRequest, order_id: FromPath[UUID]) -> EtaView:
        """The latest estimate beside what was promised."""
        order = _mine(request, order_id)
        return EtaView(
            order_id=order.order_id,
            eta_at=order.eta_at,
            promised_at=order.promised_at,
            confidence=order.eta_confidence,
            breakdown=order.eta_breakdown,
        )

    @live(
        "/orders/{order_id:uuid}/stream",
        id="stream_order",
        summary="Follow my order live",
        roles=CUSTOMER,
        answer=examples.ORDER_STREAM,
        media_type=EVENT_STREAM,
    )
    async def stream_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> Stream:
        """`snapshot` (the order), then an `order` event per change, numbered by the order's version, and `position`.

        After a break send Last-Event-ID: what was missed comes first. `resync` means: a new snapshot follows. `closing`
        is the last event: come back (`restarting`), or log in again (`session_over`).
        """
        return await respond(OrderStream(request, order_id))


def _mine(request: ApiRequest, order_id: UUID) -> OrderDetails:
    with request.services.read() as connection:
        order = order_details.get(connection, order_id, customer_id=request.me.subject_id)
    if order is None:
        raise NotFound("order", order_id)
    return order


def moment(field: str, time: datetime | None) -> datetime | None:
    """A query parameter's time in UTC, if there is one. Raises InvalidInput."""
    return None if time is None else in_utc(field, time)
