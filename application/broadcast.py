"""Whom a broadcast asks: the best few at once, each held for this order alone."""

from msgspec.structs import replace

from application.matching import MOST_RIVALS, Choice, Search, candidates, may_ask, rival
from application.positions import Positions
from domain.scoring import PassedOver


def choose_drivers(positions: Positions, search: Search) -> list[Choice]:
    """Hold the best drivers within the smallest of the region's radii that has any, best first.

    As many as a broadcast asks, and the round has offers left for; the first one names the rivals of all.
    """
    if not may_ask(search.order, search.region):
        return []
    for radius_m in search.region.dispatch.radii_m:
        choices = candidates(positions, search, radius_m)
        held, taken = _hold(positions, search, choices)
        if held:
            asked = {choice.driver_id for choice in held}
            rivals = [
                rival(other, PassedOver.TAKEN if other in taken else PassedOver.OUTSCORED)
                for other in choices
                if other.driver_id not in asked
            ]
            return [replace(held[0], rivals=tuple(rivals[:MOST_RIVALS])), *held[1:]]
    return []


def _hold(positions: Positions, search: Search, choices: list[Choice]) -> tuple[list[Choice], list[Choice]]:
    """Who is held now, and who was held for another order in that moment."""
    dispatch, order = search.region.dispatch, search.order
    made = 0 if order.round_over else order.offers_made
    most = min(dispatch.broadcast_drivers, dispatch.max_offers - made)
    held: list[Choice] = []
    taken: list[Choice] = []
    for choice in choices:
        if len(held) == most:
            break
        mine = positions.claim(search.region.id, choice.driver_id, order.id, until=search.offer_until, now=search.now)
        (held if mine else taken).append(choice)
    return held, taken
