"""Which stop comes next."""

from simulation.geometry import Degrees, LocalPlane, Point
from simulation.jobs import Job, Stop, next_stop

HERE = Point(0, 0)


def job(name: str, *, restaurant: float, customer: float, ready: bool = False, picked_up: bool = False) -> Job:
    return Job(name, Point(restaurant, 0), Point(customer, 0), ready=ready, picked_up=picked_up)


def test_without_jobs_there_is_no_stop() -> None:
    assert next_stop([], HERE, 5) is None


def test_food_on_board_goes_to_its_customer() -> None:
    carried = job("a", restaurant=0, customer=900, picked_up=True)
    assert next_stop([carried], HERE, 5) == Stop(carried, is_pickup=False)


def test_food_that_is_ready_comes_before_food_that_is_not() -> None:
    waiting = job("a", restaurant=0, customer=900)
    ready = job("b", restaurant=1_000, customer=900, ready=True)
    assert next_stop([waiting, ready], HERE, 5) == Stop(ready, is_pickup=True)


def test_a_near_customer_is_served_while_other_food_cooks() -> None:
    carried = job("a", restaurant=0, customer=900, picked_up=True)
    waiting = job("b", restaurant=0, customer=100)
    assert next_stop([waiting, carried], HERE, 5) == Stop(carried, is_pickup=False)


def test_ready_food_next_door_is_taken_along() -> None:
    carried = job("a", restaurant=0, customer=900, picked_up=True)
    ready = job("b", restaurant=50, customer=100, ready=True)
    assert next_stop([carried, ready], HERE, 5) == Stop(ready, is_pickup=True)


def test_reads_the_apis_view_of_an_order() -> None:
    plane = LocalPlane(Degrees(41, -8))
    restaurant, customer = plane.to_degrees(Point(10, 20)), plane.to_degrees(Point(30, 40))
    read = Job.of_order(
        {
            "order_id": "o",
            "status": "ready_for_pickup",
            "dispatch": "at_restaurant",
            "restaurant_position": restaurant._asdict(),
            "dropoff": {"position": customer._asdict()},
        },
        plane,
    )
    assert (read.ready, read.arrived, read.picked_up) == (True, True, False)
    assert read.restaurant.distance_m(Point(10, 20)) < 0.01
    assert read.customer.distance_m(Point(30, 40)) < 0.01
