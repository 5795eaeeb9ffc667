import pytest

from domain.event import REGISTRY, Event, topic


def test_a_topic_belongs_to_one_event() -> None:
    with pytest.raises(ValueError, match=r"'order\.placed' is taken by Placed"):

        @topic("order.placed")
        class PlacedAgain(Event, frozen=True, kw_only=True):
            pass


@pytest.mark.parametrize("name", REGISTRY)
def test_a_topic_names_its_stream_and_the_event_and_nothing_else(name: str) -> None:
    stream, _, event = name.partition(".")
    assert REGISTRY[name].__module__ == f"domain.{stream}.events"
    assert REGISTRY[name].__name__ == event.title().replace("_", "")
