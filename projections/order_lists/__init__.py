"""Orders by customer, by restaurant and by driver, support's search, the offers that stand and what drivers earned."""

from projections.order_lists.fold import PROJECTION
from projections.order_lists.queries import (
    by_customer,
    by_driver,
    by_restaurant,
    earnings_since,
    in_play,
    offers_for,
    on_map,
    on_the_way,
    open_in_region,
    search,
    status_breakdown,
)
from projections.order_lists.results import (
    Earnings,
    ItemSummary,
    OfferView,
    OrderInPlay,
    OrderOnMap,
    OrderSummary,
    StatusCount,
)

__all__ = [
    "PROJECTION",
    "Earnings",
    "ItemSummary",
    "OfferView",
    "OrderInPlay",
    "OrderOnMap",
    "OrderSummary",
    "StatusCount",
    "by_customer",
    "by_driver",
    "by_restaurant",
    "earnings_since",
    "in_play",
    "offers_for",
    "on_map",
    "on_the_way",
    "open_in_region",
    "search",
    "status_breakdown",
]
