"""Drivers: shift, positions, offers, deliveries, earnings."""

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Controller, delete, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from api import driver_frames, examples
from api.bodies.driver import OfferRefusal, Pings
from api.call import ApiRequest
from api.operations import DRIVER, command, live, plain, query
from api.order_views import DeliveryListing, listed
from api.streams import EVENT_STREAM, DriverStream, respond, standing_offers
from api.types import Cursor, Limit
from api.views import DriverDay, DriverView, Offers, PingsTaken
from application.commands import (
    AcceptOffer,
    ArriveAtRestaurant,
    DeclineOffer,
    DeliverOrder,
    EndShift,
    PickUpOrder,
    ReportBack,
    StartShift,
)
from application.context import Context
from application.store import Answer
from domain.errors import InvalidInput, NotFound
from domain.region import Region
from projections import driver_board, order_lists
from projections.paging import Page


class Driver(Controller):
    """What drivers do."""

    path = "/v1"
    tags = ("driver",)

    @command(
        "/driver/shift",
        id="start_shift",
        summary="Start my shift",
        roles=DRIVER,
        answer=examples.answer("on_shift", id=examples.DRIVER),
    )
    def start_shift(self, request: ApiRequest) -> Answer:
        """Offers come as soon as a position does."""
        return request.run(StartShift(driver_id=request.me.subject_id))

    @command(
        "/driver/shift",
        delete,
        id="end_shift",
        summary="End my shift",
        roles=DRIVER,
        answer=examples.answer("off_shift", id=examples.DRIVER),
    )
    def end_shift(self, request: ApiRequest) -> Answer:
        """Refused while carrying orders."""
        return request.run(EndShift(driver_id=request.me.subject_id))

    @query(
        "/driver",
        id="get_driver",
        summary="My state",
        roles=DRIVER,
        reads=("driver_board",),
        answer=examples.DRIVER_STATE,
        problems=(404,),
    )
    def get_driver(self, request: ApiRequest) -> DriverView:
        """Shift, load and figures."""
        services, me = request.services, request.me
        region = _region(request)
        today = services.clock.now().astimezone(ZoneInfo(region.timezone)).date()
        with services.read() as connection:
            row = driver_board.get(connection, me.subject_id, day_start=_day(region, today)[0])
        if row is None:
            raise NotFound("driver", me.subject_id)
        return DriverView.of(row)

    @plain(
        "/driver/positions",
        post,
        id="report_positions",
        summary="Where I am",
        roles=DRIVER,
        body=examples.POSITION,
        answer={"accepted": 1, "late": 0, "dropped": 0},
        status=200,
    )
    async def report_positions(self, request: ApiRequest, data: JSONBody[Pings]) -> PingsTaken:
        """One position, or several. Stale and impossible ones, and those sent off shift, are dropped and counted.

        Late ones, older than six minutes, are kept as where you were: offers come with the first that is newer.
        """
        services, me = request.services, request.me
        counts = await services.pings.submit(_region(request).id, data.pings(me.subject_id))
        if counts.came_back:
            context = Context(meta=request.call.meta(), now=services.clock.now())
            await services.in_thread(services.execute, context, ReportBack(driver_id=me.subject_id))
        return PingsTaken(accepted=counts.accepted, late=counts.late, dropped=counts.dropped)

    @query(
        "/driver/offers",
        id="list_offers",
        summary="Offers that await my answer",
        roles=DRIVER,
        reads=("order_lists",),
        answer={"items": [examples.STANDING_OFFER]},
    )
    def list_offers(self, request: ApiRequest) -> Offers:
        """The first to expire first."""
        return Offers(items=standing_offers(request.services, request.me.subject_id))

    @live(
        "/driver/stream",
        id="stream_driver",
        summary="My offers and deliveries live",
        roles=DRIVER,
        answer=examples.DRIVER_STREAM,
        media_type=EVENT_STREAM,
        problems=(),
        guide=driver_frames.GUIDE,
    )
    async def stream_driver(self, request: ApiRequest) -> Stream:
        """`snapshot` (standing offers and deliveries), then an `order` event per change that concerns this driver."""
        return await respond(DriverStream(request))

    @command(
        "/orders/{order_id:uuid}/offers/{offer_id:uuid}/acceptance",
        id="accept_offer",
        summary="Accept an offer",
        roles=DRIVER,
        answer=examples.answer("assigned", version=12),
    )
    def accept_offer(self, request: ApiRequest, order_id: FromPath[UUID], offer_id: FromPath[UUID]) -> Answer:
        """One driver wins; anyone else, and anyone too late, gets a 409 that says so."""
        return request.run(AcceptOffer(order_id=order_id, offer_id=offer_id, driver_id=request.me.subject_id))

    @command(
        "/orders/{order_id:uuid}/offers/{offer_id:uuid}/refusal",
        id="decline_offer",
        summary="Decline an offer",
        roles=DRIVER,
        body={"reason": "Too far"},
        answer=examples.answer("searching", version=12),
    )
    def decline_offer(
        self,
        request: ApiRequest,
        order_id: FromPath[UUID],
        offer_id: FromPath[UUID],
        data: JSONBody[OfferRefusal | None] = None,
    ) -> Answer:
        """The next driver is asked at once."""
        reason = data.reason if data is not None else ""
        refusal = DeclineOffer(order_id=order_id, offer_id=offer_id, driver_id=request.me.subject_id, reason=reason)
        return request.run(refusal, data)

    @command(
        "/orders/{order_id:uuid}/arrival",
        id="arrive_at_restaurant",
        summary="I am at the restaurant",
        roles=DRIVER,
        answer=examples.answer("preparing", version=13),
    )
    def arrive_at_restaurant(self, request: ApiRequest, order_id: FromPath[UUID]) -> Answer:
        """Before pick-up."""
        return request.run(ArriveAtRestaurant(order_id=order_id, driver_id=request.me.subject_id))

    @command(
        "/orders/{order_id:uuid}/pickup",
        id="pick_up_order",
        summary="I have the food",
        roles=DRIVER,
        answer=examples.answer("picked_up", version=15),
    )
    def pick_up_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> Answer:
        """Once the restaurant says it is ready."""
        return request.run(PickUpOrder(order_id=order_id, driver_id=request.me.subject_id))

    @command(
        "/orders/{order_id:uuid}/delivery",
        id="deliver_order",
        summary="The customer has the food",
        roles=DRIVER,
        answer=examples.answer("delivered", version=17),
    )
    def deliver_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> Answer:
        """The fee's share and the tip are earned with it."""
        return request.run(DeliverOrder(order_id=order_id, driver_id=request.me.subject_id))

    @query(
        "/driver/orders",
        id="list_driver_orders",
        summary="My deliveries",
        roles=DRIVER,
        reads=("order_lists",),
        answer=examples.DELIVERIES,
    )
    def list_driver_orders(
        self,
        request: ApiRequest,
        open: FromQuery[bool] = False,  # noqa: A002, FBT002 - the query parameter's name
        limit: FromQuery[Limit] = 20,
        cursor: FromQuery[Cursor | None] = None,
    ) -> Page[DeliveryListing]:
        """Newest first; `open=true` leaves only those carried now."""
        with request.services.read() as connection:
            page = order_lists.by_driver(connection, request.me.subject_id, open_only=open, before=cursor, limit=limit)
        return listed(DeliveryListing.of, page)

    @query(
        "/driver/earnings",
        id="get_earnings",
        summary="What I earned on a day",
        roles=DRIVER,
        reads=("order_lists",),
        answer=examples.EARNINGS,
    )
    def get_earnings(self, request: ApiRequest, date: FromQuery[date | None] = None) -> DriverDay:
        """A day is the region's local one; without a date, today."""
        services, region = request.services, _region(request)
        day = date or services.clock.now().astimezone(ZoneInfo(region.timezone)).date()
        since, until = _day(region, day)
        with services.read() as connection:
            earned = order_lists.earnings_since(connection, request.me.subject_id, since, until=until)
        here = [sums for sums in earned if sums.currency == region.currency]
        fee, tip = sum(sums.fee_minor for sums in here), sum(sums.tip_minor for sums in here)
        return DriverDay(
            date=day,
            currency=region.currency,
            deliveries=sum(sums.deliveries for sums in here),
            fee_minor=fee,
            tip_minor=tip,
            total_minor=fee + tip,
        )


def _region(request: ApiRequest) -> Region:
    region = request.services.tiffin.regions.get(request.me.region or "")
    if region is None:
        raise NotFound("region", request.me.region or "")
    return region


def _day(region: Region, day: date) -> tuple[datetime, datetime]:
    """When a local day begins and ends. Raises InvalidInput."""
    if not date(2000, 1, 1) <= day < date(2200, 1, 1):
        raise InvalidInput("date", "Send a day between the years 2000 and 2199.")
    zone = ZoneInfo(region.timezone)
    begin = datetime.combine(day, time.min, zone)
    return begin, datetime.combine(day + timedelta(days=1), time.min, zone)
