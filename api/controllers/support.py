"""Support finds an order, sees everything that happened to it, and puts it right."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, delete
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from api import dispute_example, examples
from api.bodies.support import Note, Reason, StaffCancellation
from api.call import ApiRequest
from api.controllers.customer import Search, moment
from api.operations import SUPPORT, command, query
from api.types import Cursor, Limit, Phone, Time
from api.views import Timeline
from application.commands import AddNote, CancelOrder, ReinstateDriver, SuspendDriver, UnassignDriver
from application.disputes import DriverTrack, driver_track
from application.store import Answer
from domain.errors import InvalidInput, NotFound
from domain.order.state import Status
from projections import driver_board, order_details, order_lists, order_timeline
from projections.order_details import OrderDetails
from projections.order_lists import OrderSummary
from projections.paging import Page

type Minutes = Annotated[int, Meta(ge=1, le=10_000)]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Support(Controller):
    """What support does."""

    path = "/v1/support"
    tags = ("support",)

    @query(
        "/orders",
        id="search_orders",
        summary="Find orders",
        roles=SUPPORT,
        reads=("order_lists", "driver_board"),
        answer=examples.ORDERS,
    )
    def search_orders(
        self,
        request: ApiRequest,
        status: FromQuery[Status | None] = None,
        customer_id: FromQuery[UUID | None] = None,
        restaurant_id: FromQuery[UUID | None] = None,
        driver_id: FromQuery[UUID | None] = None,
        placed_from: FromQuery[Time | None] = None,
        placed_to: FromQuery[Time | None] = None,
        late_minutes: FromQuery[Minutes | None] = None,
        driver_silent: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
        phone: FromQuery[Phone | None] = None,
        q: FromQuery[Search | None] = None,
        limit: FromQuery[Limit] = 20,
        cursor: FromQuery[Cursor | None] = None,
    ) -> Page[OrderSummary]:
        """Newest first. `q` is an order's id, or beginnings of words in the customer's and the restaurant's names.

        `phone` is anybody's on the order, compared by its last nine digits. `late_minutes` finds what was delivered at
        least that long after it was promised, `driver_silent` what was picked up by a driver who cannot be reached now.
        """
        request.note_access()
        parties = request.services.accounts.subjects_by_phone(phone) if phone is not None else None
        with request.services.read() as connection:
            silent = driver_board.silent(connection) if driver_silent else None
            return order_lists.search(
                connection,
                status=status,
                customer_id=customer_id,
                restaurant_id=restaurant_id,
                driver_id=driver_id,
                parties=parties,
                brought_by=silent,
                placed_from=moment("placed_from", placed_from),
                placed_to=moment("placed_to", placed_to),
                late_minutes=late_minutes,
                text=q,
                before=cursor,
                limit=limit,
            )

    @query(
        "/orders/{order_id:uuid}",
        id="inspect_order",
        summary="One order",
        roles=SUPPORT,
        reads=("order_details",),
        answer=examples.ORDER_DETAILS,
        problems=(404,),
    )
    def inspect_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> OrderDetails:
        """As it is now, whoever's it is."""
        request.note_access(order_id)
        with request.services.read() as connection:
            order = order_details.get(connection, order_id)
        if order is None:
            raise NotFound("order", order_id)
        return order

    @query(
        "/orders/{order_id:uuid}/timeline",
        id="get_timeline",
        summary="All that happened to an order",
        roles=SUPPORT,
        reads=("order_timeline",),
        answer=examples.TIMELINE,
        problems=(404,),
    )
    def get_timeline(self, request: ApiRequest, order_id: FromPath[UUID]) -> Timeline:
        """Who, what, when, from where, how long after the step before, and every factor of why this driver."""
        request.note_access(order_id)
        with request.services.read() as connection:
            steps = order_timeline.steps(connection, order_id)
        if not steps:
            raise NotFound("order", order_id)
        log = request.services.tiffin.store.stream(order_id)
        addresses = {one.originator_version: one.meta.ip for one in log}
        told = [msgspec.structs.replace(step, ip=addresses[step.version]) for step in steps]
        return Timeline(order_id=order_id, steps=told)

    @command(
        "/orders/{order_id:uuid}/cancellation",
        id="cancel_order_for",
        summary="Cancel an order",
        roles=SUPPORT,
        body={"reason": "The restaurant lost the order", "cost_bearer": "restaurant"},
        answer=examples.answer("cancelled"),
    )
    def cancel_order_for(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[StaffCancellation]
    ) -> Answer:
        """In any state before delivery. Without a cost bearer the order's state decides who pays."""
        return request.run(CancelOrder(order_id=order_id, reason=data.reason, cost_bearer=data.cost_bearer), data)

    @command(
        "/orders/{order_id:uuid}/unassignment",
        id="unassign_driver",
        summary="Take the order from its driver",
        roles=SUPPORT,
        body={"reason": "Bicycle broke down"},
        answer=examples.answer("searching", version=14),
    )
    def unassign_driver(self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Reason]) -> Answer:
        """Before pick-up; the search goes on."""
        return request.run(UnassignDriver(order_id=order_id, reason=data.reason), data)

    @command(
        "/orders/{order_id:uuid}/notes",
        id="add_note",
        summary="Write a note on an order",
        roles=SUPPORT,
        body={"text": "Customer called; door code is new."},
        answer=examples.answer("picked_up", version=16),
        status=201,
    )
    def add_note(self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Note]) -> Answer:
        """It stays in the timeline."""
        return request.run(AddNote(order_id=order_id, text=data.text), data)

    @query(
        "/drivers/{driver_id:uuid}/track",
        id="get_driver_track",
        summary="Where a driver was",
        roles=SUPPORT,
        reads=("driver_board",),
        answer=dispute_example.DRIVER_TRACK,
        problems=(404,),
    )
    def get_driver_track(
        self,
        request: ApiRequest,
        driver_id: FromPath[UUID],
        since: FromQuery[Time | None] = None,
        until: FromQuery[Time | None] = None,
    ) -> DriverTrack:
        """With orders or without, a day at most, as long as positions are kept: the last hour unless told otherwise."""
        services = request.services
        end = moment("until", until) or services.clock.now()
        begin = moment("since", since) or end - HOUR
        if not timedelta() <= end - begin <= DAY:
            raise InvalidInput("since", "Send a time before `until`, by a day at most.")
        request.note_access(driver_id)
        with services.read() as connection:
            name = driver_board.names(connection, (driver_id,))
        if driver_id not in name:
            raise NotFound("driver", driver_id)
        return driver_track(services.tiffin, driver_id, name[driver_id], begin, end)

    @command(
        "/drivers/{driver_id:uuid}/suspension",
        id="suspend_driver",
        summary="Suspend a driver",
        roles=SUPPORT,
        body={"reason": "Papers expired"},
        answer=examples.answer("suspended", id=examples.DRIVER),
    )
    def suspend_driver(self, request: ApiRequest, driver_id: FromPath[UUID], data: JSONBody[Reason]) -> Answer:
        """No new orders from now on."""
        return request.run(SuspendDriver(driver_id=driver_id, reason=data.reason), data)

    @command(
        "/drivers/{driver_id:uuid}/suspension",
        delete,
        id="reinstate_driver",
        summary="Reinstate a driver",
        roles=SUPPORT,
        answer=examples.answer("off_shift", id=examples.DRIVER),
    )
    def reinstate_driver(self, request: ApiRequest, driver_id: FromPath[UUID]) -> Answer:
        """May work again."""
        return request.run(ReinstateDriver(driver_id=driver_id))
