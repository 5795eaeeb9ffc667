"""Every read model in PostgreSQL. Those in Valkey are wired with their connection in `application.cli.projector`."""

from projections import (
    driver_board,
    inbox,
    order_details,
    order_lists,
    order_timeline,
    order_totals,
    restaurants,
)
from projections.projection import Projection

PROJECTIONS: tuple[Projection, ...] = (
    order_details.PROJECTION,
    order_timeline.PROJECTION,
    order_lists.PROJECTION,
    order_totals.PROJECTION,
    restaurants.PROJECTION,
    driver_board.PROJECTION,
    inbox.PROJECTION,
)
