"""What a driver has to do, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from simulation.geometry import LocalPlane, Point
from simulation.shapes import Place

UNKNOWN_WAIT_SECONDS = 300.0
"""What a driver expects to wait for food that is not ready."""


class OfferSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An offer, as far as the driver cares."""

    order_id: str
    offer_id: str


@dataclass
class Job:
    """One order that the driver carries or is going to."""

    order_id: str
    restaurant: Point
    customer: Point
    ready: bool = False
    arrived: bool = False
    picked_up: bool = False

    @classmethod
    def of_order(cls, order: dict[str, Any], plane: LocalPlane) -> "Job":
        """Read the API's view of the order."""
        job = cls(
            order_id=order["order_id"],
            restaurant=msgspec.convert(order["restaurant_position"], Place).on(plane),
            customer=msgspec.convert(order["dropoff"]["position"], Place).on(plane),
        )
        job.hear(order)
        return job

    def hear(self, order: dict[str, Any]) -> None:
        """Take over what the API says about it; a read model may be a moment behind what the driver did."""
        self.ready = self.ready or order["status"] in ("ready_for_pickup", "picked_up")
        self.arrived = self.arrived or order["dispatch"] in ("at_restaurant", "on_the_way")
        self.picked_up = self.picked_up or order["status"] == "picked_up"


@dataclass(frozen=True)
class Stop:
    """Where to go for which order."""

    job: Job
    is_pickup: bool

    @property
    def point(self) -> Point:
        """The place."""
        return self.job.restaurant if self.is_pickup else self.job.customer


def next_stop(jobs: Iterable[Job], place: Point, metres_per_second: float) -> Stop | None:
    """Choose the stop that can be finished soonest; None without jobs."""

    def seconds(stop: Stop) -> float:
        wait = UNKNOWN_WAIT_SECONDS if stop.is_pickup and not stop.job.ready else 0.0
        return place.distance_m(stop.point) / metres_per_second + wait

    return min((Stop(job, is_pickup=not job.picked_up) for job in jobs), key=seconds, default=None)
