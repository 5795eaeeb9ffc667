"""Every command and its handler, in one screen."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from application import commands
from application.bootstrap import Tiffin
from application.commands.handlers import (
    absence,
    access,
    deliveries,
    drivers,
    followups,
    kitchen,
    money,
    placing,
    restaurants,
    searching,
    support,
)
from application.context import Context
from application.store import Receipt

type Handler = Callable[[Tiffin, Context, Any], Receipt]
type AsyncHandler = Callable[[Tiffin, Context, Any], Awaitable[Receipt]]

ON_THE_LOOP: Mapping[type[msgspec.Struct], AsyncHandler] = {
    # It waits for a gateway outside.
    commands.PlaceOrder: placing.place,
}

HANDLERS: Mapping[type[msgspec.Struct], Handler] = {
    # The customer, the restaurant, support
    commands.ConfirmOrder: kitchen.confirm,
    commands.RejectOrder: kitchen.reject,
    commands.StartPreparation: kitchen.start_preparation,
    commands.MarkReady: kitchen.mark_ready,
    commands.CancelOrder: support.cancel,
    commands.RateDelivery: deliveries.rate,
    commands.UnassignDriver: support.unassign,
    commands.AddNote: support.add_note,
    # The driver with an order
    commands.AcceptOffer: deliveries.accept_offer,
    commands.DeclineOffer: deliveries.decline_offer,
    commands.ArriveAtRestaurant: deliveries.arrive,
    commands.PickUpOrder: deliveries.pick_up,
    commands.DeliverOrder: deliveries.deliver,
    # The system, in answer to events
    commands.RejectUnanswered: followups.reject_unanswered,
    commands.MatchOrder: searching.match,
    commands.OfferPlanned: searching.offer_planned,
    commands.TellUnserved: searching.tell_unserved,
    commands.ExpireOffer: followups.expire_offer,
    commands.ReviseEta: followups.revise_eta,
    commands.CapturePayment: money.capture,
    commands.ReleasePayment: money.release,
    commands.CompleteOrder: followups.complete,
    commands.RequestReview: followups.request_review,
    commands.ReleaseAbsentDriver: absence.release_absent,
    # Staff
    commands.NoteAccess: access.note,
    # Drivers
    commands.RegisterDriver: drivers.register,
    commands.StartShift: drivers.start_shift,
    commands.EndShift: drivers.end_shift,
    commands.ReportSilent: drivers.report_silent,
    commands.ReportBack: drivers.report_back,
    commands.SuspendDriver: drivers.suspend,
    commands.ReinstateDriver: drivers.reinstate,
    # Restaurants
    commands.RegisterRestaurant: restaurants.register,
    commands.ChangeDetails: restaurants.change_details,
    commands.OpenRestaurant: restaurants.open_,
    commands.CloseRestaurant: restaurants.close,
    commands.PauseRestaurant: restaurants.pause,
    commands.AddMenuItem: restaurants.add_item,
    commands.AddMenuItems: restaurants.add_items,
    commands.ChangeMenuItem: restaurants.change_item,
    commands.RemoveMenuItem: restaurants.remove_item,
    commands.MarkSoldOut: restaurants.sell_out,
    commands.MarkRestocked: restaurants.restock,
}
