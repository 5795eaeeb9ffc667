"""Restaurants keep their record and menu, and say what the kitchen does."""

from uuid import UUID, uuid5

from litestar import Controller, delete, put
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from api import examples
from api.bodies.restaurant import Availability, Confirmation, Details, NewDish, NewDishes, Pause, Rejection
from api.call import ApiRequest
from api.operations import RESTAURANT, command, live, query
from api.order_views import KitchenListing, KitchenOrder, listed
from api.streams import EVENT_STREAM, RestaurantStream, respond
from api.types import Cursor, Limit, in_utc
from api.views import MenuBatch, OwnRestaurant
from application.commands import (
    AddMenuItem,
    AddMenuItems,
    ChangeDetails,
    ChangeMenuItem,
    CloseRestaurant,
    ConfirmOrder,
    MarkReady,
    MarkRestocked,
    MarkSoldOut,
    MenuEntry,
    OpenRestaurant,
    PauseRestaurant,
    RejectOrder,
    RemoveMenuItem,
    StartPreparation,
)
from application.ids import new_id
from application.store import Answer
from domain.errors import NotFound
from projections import order_details, order_lists, restaurants
from projections.paging import Page

_OPEN = examples.answer("open", id=examples.RESTAURANT)


class Menu(Controller):
    """The restaurant's own record: details, opening, menu."""

    path = "/v1/restaurant"
    tags = ("restaurant",)

    @query(
        "",
        id="get_own_restaurant",
        summary="My restaurant",
        roles=RESTAURANT,
        reads=("restaurants",),
        answer=examples.OWN_RESTAURANT,
        problems=(404,),
    )
    def get_own_restaurant(self, request: ApiRequest) -> OwnRestaurant:
        """Details and menu."""
        services, me = request.services, request.me.subject_id
        with services.read() as connection:
            view = restaurants.get(connection, me)
            if view is None:
                raise NotFound("restaurant", me)
            menu = restaurants.menu(connection, me)
        return OwnRestaurant.of(view, menu, services.currency(view.region), services.clock.now())

    @command(
        "/details",
        put,
        id="change_details",
        summary="Change my details",
        roles=RESTAURANT,
        body=examples.DETAILS,
        answer=_OPEN,
    )
    def change_details(self, request: ApiRequest, data: JSONBody[Details]) -> Answer:
        """What customers read from now on."""
        details = ChangeDetails(
            restaurant_id=request.me.subject_id,
            name=data.name,
            address=data.address,
            phone=data.phone,
            cuisines=data.cuisines,
            prep_seconds=data.prep_seconds,
            delivery_radius_m=data.delivery_radius_m,
        )
        return request.run(details, data)

    @command("/opening", id="open_restaurant", summary="Open", roles=RESTAURANT, answer=_OPEN)
    def open_restaurant(self, request: ApiRequest) -> Answer:
        """Take orders from now on; ends a pause."""
        return request.run(OpenRestaurant(restaurant_id=request.me.subject_id))

    @command(
        "/closure",
        id="close_restaurant",
        summary="Close",
        roles=RESTAURANT,
        answer=examples.answer("closed", id=examples.RESTAURANT),
    )
    def close_restaurant(self, request: ApiRequest) -> Answer:
        """Take no orders until opened again."""
        return request.run(CloseRestaurant(restaurant_id=request.me.subject_id))

    @command(
        "/pause",
        id="pause_restaurant",
        summary="Pause",
        roles=RESTAURANT,
        body={"until": examples.NOON},
        answer=examples.answer("paused", id=examples.RESTAURANT),
    )
    def pause_restaurant(self, request: ApiRequest, data: JSONBody[Pause]) -> Answer:
        """Take no orders until a time; then it is open again by itself."""
        until = in_utc("until", data.until)
        return request.run(PauseRestaurant(restaurant_id=request.me.subject_id, until=until), data)

    @command(
        "/menu",
        id="add_dish",
        summary="Add a dish",
        roles=RESTAURANT,
        body=examples.NEW_DISH,
        answer=examples.answer("open", id=examples.ITEM),
        status=201,
    )
    def add_dish(self, request: ApiRequest, data: JSONBody[NewDish]) -> Answer:
        """Answers with the dish's id."""
        return request.run(AddMenuItem(restaurant_id=request.me.subject_id, item=_entry(data, new_id())), data)

    @command(
        "/menu/batch",
        id="add_dishes",
        summary="Add several dishes",
        roles=RESTAURANT,
        body={"items": [examples.NEW_DISH]},
        answer={"items": [examples.ITEM], "version": 4},
        status=201,
    )
    def add_dishes(self, request: ApiRequest, data: JSONBody[NewDishes]) -> MenuBatch:
        """All of them or none. Answers with their ids in the same order."""
        # Made from the key, so that the same call repeated answers with the same ids: only the first is stored.
        names = (f"{request.call.key}:{i}" for i in range(len(data.items)))
        ids = [uuid5(request.me.account_id, name) for name in names]
        entries = tuple(_entry(dish, item_id) for dish, item_id in zip(data.items, ids, strict=True))
        answer = request.run(AddMenuItems(restaurant_id=request.me.subject_id, items=entries), data)
        return MenuBatch(items=ids, version=answer.version)

    @command(
        "/menu/{item_id:uuid}",
        put,
        id="change_dish",
        summary="Change a dish",
        roles=RESTAURANT,
        body=examples.NEW_DISH,
        answer=_OPEN,
    )
    def change_dish(self, request: ApiRequest, item_id: FromPath[UUID], data: JSONBody[NewDish]) -> Answer:
        """Orders placed before keep the name and price they were sold at."""
        return request.run(ChangeMenuItem(restaurant_id=request.me.subject_id, item=_entry(data, item_id)), data)

    @command("/menu/{item_id:uuid}", delete, id="remove_dish", summary="Remove a dish", roles=RESTAURANT, answer=_OPEN)
    def remove_dish(self, request: ApiRequest, item_id: FromPath[UUID]) -> Answer:
        """It leaves the menu for good."""
        return request.run(RemoveMenuItem(restaurant_id=request.me.subject_id, item_id=item_id))

    @command(
        "/menu/{item_id:uuid}/availability",
        put,
        id="set_availability",
        summary="Sold out, or back again",
        roles=RESTAURANT,
        body={"available": False},
        answer=_OPEN,
    )
    def set_availability(self, request: ApiRequest, item_id: FromPath[UUID], data: JSONBody[Availability]) -> Answer:
        """Whether a dish can be ordered now."""
        change = MarkRestocked if data.available else MarkSoldOut
        return request.run(change(restaurant_id=request.me.subject_id, item_id=item_id), data)


class Kitchen(Controller):
    """The restaurant's work list."""

    path = "/v1"
    tags = ("restaurant",)

    @query(
        "/restaurant/orders",
        id="list_restaurant_orders",
        summary="My work list",
        roles=RESTAURANT,
        reads=("order_lists",),
        answer=examples.KITCHEN_ORDERS,
    )
    def list_restaurant_orders(
        self,
        request: ApiRequest,
        open: FromQuery[bool] = False,  # noqa: A002, FBT002 - the query parameter's name
        limit: FromQuery[Limit] = 20,
        cursor: FromQuery[Cursor | None] = None,
    ) -> Page[KitchenListing]:
        """Newest first; `open=true` leaves out what is delivered or over."""
        with request.services.read() as connection:
            page = order_lists.by_restaurant(
                connection, request.me.subject_id, open_only=open, before=cursor, limit=limit
            )
        return listed(KitchenListing.of, page)

    @query(
        "/restaurant/orders/{order_id:uuid}",
        id="get_restaurant_order",
        summary="One of my orders",
        roles=RESTAURANT,
        reads=("order_details",),
        answer=examples.KITCHEN_ORDER,
        problems=(404,),
    )
    def get_restaurant_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> KitchenOrder:
        """As it is now."""
        with request.services.read() as connection:
            order = order_details.get(connection, order_id, restaurant_id=request.me.subject_id)
        if order is None:
            raise NotFound("order", order_id)
        return KitchenOrder.of(order)

    @live(
        "/restaurant/stream",
        id="stream_restaurant",
        summary="My orders live",
        roles=RESTAURANT,
        answer=examples.RESTAURANT_STREAM,
        media_type=EVENT_STREAM,
        problems=(),
    )
    async def stream_restaurant(self, request: ApiRequest) -> Stream:
        """`snapshot` (the open orders), then an `order` event per change of any of them."""
        return await respond(RestaurantStream(request))

    @command(
        "/orders/{order_id:uuid}/confirmation",
        id="confirm_order",
        summary="Take the order",
        roles=RESTAURANT,
        body={"prep_seconds": 900},
        answer=examples.answer("confirmed"),
    )
    def confirm_order(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Confirmation | None] = None
    ) -> Answer:
        """Without an estimate the restaurant's usual time counts. The search for a driver follows."""
        prep_seconds = data.prep_seconds if data is not None else None
        return request.run(ConfirmOrder(order_id=order_id, prep_seconds=prep_seconds), data)

    @command(
        "/orders/{order_id:uuid}/rejection",
        id="reject_order",
        summary="Refuse the order",
        roles=RESTAURANT,
        body={"reason": "The oven is broken"},
        answer=examples.answer("rejected"),
    )
    def reject_order(self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Rejection]) -> Answer:
        """Only before it is confirmed; the customer's card is released."""
        return request.run(RejectOrder(order_id=order_id, reason=data.reason), data)

    @command(
        "/orders/{order_id:uuid}/preparation",
        id="start_preparation",
        summary="The kitchen begins",
        roles=RESTAURANT,
        answer=examples.answer("preparing", version=4),
    )
    def start_preparation(self, request: ApiRequest, order_id: FromPath[UUID]) -> Answer:
        """After confirmation."""
        return request.run(StartPreparation(order_id=order_id))

    @command(
        "/orders/{order_id:uuid}/readiness",
        id="mark_ready",
        summary="The food waits",
        roles=RESTAURANT,
        answer=examples.answer("ready_for_pickup", version=9),
    )
    def mark_ready(self, request: ApiRequest, order_id: FromPath[UUID]) -> Answer:
        """The driver is told."""
        return request.run(MarkReady(order_id=order_id))


def _entry(dish: NewDish, item_id: UUID) -> MenuEntry:
    return MenuEntry(
        item_id=item_id,
        name=dish.name,
        description=dish.description,
        category=dish.category,
        price_minor=dish.price_minor,
    )
