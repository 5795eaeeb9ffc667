"""Why an order's step is refused. `status` is the kitchen's side, or the dispatch's for what drivers do."""

from domain.errors import Conflict
from domain.order.state import Order, is_over


class IllegalTransition(Conflict):
    """The order is not where this step starts."""

    def __init__(self, step: str, *, status: str) -> None:
        """`step` as in "confirmed": what cannot be done to the order."""
        super().__init__(f"An order that is {status.replace('_', ' ')} cannot be {step}.", status=status)


class OfferRefused(Conflict):
    """An offer, or the answer to one, that does not fit."""

    def __init__(self, message: str, order: Order) -> None:
        """The status is the dispatch's while the order lives."""
        super().__init__(message, status=order.status if is_over(order) else order.dispatch)


class OfferTaken(OfferRefused):
    """Another driver has the order."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("Another driver has taken this order.", order)


class OfferGone(OfferRefused):
    """The offer does not stand (any more): answered, withdrawn, expired or never made."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("This offer does not stand any more.", order)


class OfferNotYours(OfferRefused):
    """The offer was made to another driver."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("This offer was made to another driver.", order)


class OfferExpiredAlready(OfferRefused):
    """The answer came too late."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("The time to answer this offer is over.", order)


class OfferOutdated(OfferRefused):
    """A second order that does not go with the first one any more."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("This order does not go with the one you carry any more; the offer was taken back.", order)


class OfferStillStands(OfferRefused):
    """One driver is asked at a time, and may use the whole time to answer."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("A driver is being asked; the offer stands until it is answered or expires.", order)


class OffersExhausted(OfferRefused):
    """As many drivers as allowed were asked in this round."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("No more drivers are asked in this round.", order)


class AlreadyAsked(OfferRefused):
    """The driver said no, or nothing, in this round."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("This driver was asked in this round already.", order)


class NotYourDelivery(OfferRefused):
    """The order is not assigned to this driver."""

    def __init__(self, order: Order) -> None:
        """Say so."""
        super().__init__("This order is not assigned to you.", order)
