"""What support puts right."""

from api.types import Form, Sentence
from domain.order.events import CostBearer


class StaffCancellation(Form, frozen=True, kw_only=True):
    """Why the order is cancelled and who pays for it; without a bearer, who is to blame by the order's state."""

    reason: Sentence
    cost_bearer: CostBearer | None = None


class Reason(Form, frozen=True, kw_only=True):
    """Why."""

    reason: Sentence


class Note(Form, frozen=True, kw_only=True):
    """Something to remember about an order."""

    text: Sentence
