"""The page of a dispute: what it says, that it says it as text, and how a browser lays it out."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from api.pages import words
from api.pages.dispute import page, verdict
from api.pages.markup import element, joined
from api.pages.words import Clock
from application.disputes import Dispute
from application.disputes.report import Positions, Seen
from domain import order
from domain.event import Role
from domain.geo import Position
from tests.api.browser import measured
from tests.application.disputes.stories import Story, asked_at_once, assigned, everybody_late, offer, on_time
from tests.application.disputes.test_explain import BREAKDOWN
from tests.domain.order.histories import ANNA, BRUNO

LONG = "Maria Antónia Gonçalves de Albuquerque e Castro Vasconcelos"

FAR = "阿爾布克爾克・瑪麗亞・安東尼婭 🛵 ماريا"


def crowded() -> Dispute:
    """Twenty offers and thirty arrivals told, long names, and cancelled after all."""
    story = Story(customer_name=LONG, restaurant_name=LONG).at(1, order.Confirmed(prep_seconds=900))
    story.at(2, order.MatchingStarted(round=1, radius_m=5_000.0))
    for number in range(20):
        now = 2 + number * 1.1
        story.at(now, offer(number, ANNA, story, now, sequence=number + 1, candidates=20))
        declined = order.OfferDeclined(offer_id=UUID(int=0xF0 + number), driver_id=ANNA, reason=LONG * 3)
        story.at(now + 0.2, declined)
        story.at(now + 0.3, order.EtaRevised(eta_at=story.time(40 + number * 3), confidence=0.6, breakdown=BREAKDOWN))
    story.at(30, order.ReadyForPickup())
    story.at(95, order.Cancelled(by=Role.SUPPORT, reason=LONG, cost_bearer=order.CostBearer.PLATFORM, refund_minor=9))
    return story.explained(names={ANNA: LONG})


def endless() -> Dispute:
    """Open for days, one driver after the other."""
    story = Story().at(1, order.Confirmed(prep_seconds=900)).at(2, order.ReadyForPickup())
    for number, driver_id in enumerate((ANNA, BRUNO, ANNA)):
        now = 600.0 * (number + 1)
        story.at(now, offer(number, driver_id, story, now, sequence=1), assigned(number, driver_id, FAR))
        story.at(now + 300, order.DriverUnassigned(driver_id=driver_id, reason="silent"))
    return story.explained(4_000)


STORIES = {
    "late": everybody_late().explained(names={ANNA: "Anna Alves"}),
    "on time": on_time().explained(),
    "crowded": crowded(),
    "endless": endless(),
    "at once": asked_at_once().explained(names={ANNA: "Anna Alves"}),
    "just placed": Story().explained(0),
}
each_story = pytest.mark.parametrize("dispute", STORIES.values(), ids=STORIES.keys())


@each_story
def test_every_story_makes_a_page(dispute: Dispute) -> None:
    made = page(dispute)
    assert made.startswith("<!doctype html>")
    assert made.count("<svg") == made.count("</svg>") == 3
    assert str(dispute.order_id) in made
    assert "None" not in made.replace("None.", "").replace("None of", "")


def test_a_browser_lays_it_out_without_labels_that_meet(tmp_path: Path) -> None:
    found = measured(tmp_path, {name: page(dispute) for name, dispute in STORIES.items()}, (375, 620, 768, 1280))
    assert len(found) == 4 * len(STORIES)
    for title, layout in found.items():
        assert layout["drawings"] == 1, title
        assert layout["labels"] >= 5, title
        assert layout["meeting"] == [], title
        assert layout["outside"] == [], title
        assert layout["wider than its screen"] <= 0, title
        assert layout["smallest letters"] > 11, title
        assert layout["styled"] == "5px", f"{title}: the policy lets its own style sheet through"


def test_the_verdict_answers_first() -> None:
    lisbon = Clock("Europe/Lisbon", Story().began)
    assert verdict(STORIES["late"], lisbon) == (
        "Delivered 16:11, 31 min late. Late by their own word: restaurant 10 min, platform 7 min, driver 11 min. "
        "3 min were not foreseen in the promise."
    )
    assert verdict(STORIES["on time"], lisbon) == "Delivered 15:40, on time. Nobody was late by their own word."
    early = replace(STORIES["on time"].lateness, total_seconds=-1260.0, remainder_seconds=-1260.0)
    assert verdict(replace(STORIES["on time"], lateness=early), lisbon) == (
        "Delivered 15:40, 21 min early. Nobody was late by their own word."
    )
    assert verdict(STORIES["just placed"], lisbon) == "Not over yet. Nobody was late by their own word."
    assert verdict(STORIES["crowded"], lisbon).startswith(
        f"Cancelled 16:35 by support: {LONG}. The promise had passed 55 min"
    )


def test_what_it_says_of_drivers_not_offered_is_what_was_recorded() -> None:
    made = page(STORIES["crowded"])
    assert "Only their number is recorded: neither who they were nor how they scored." in made
    assert "A search looks at 20 drivers at most: there may have been more." in made


def test_it_says_who_was_asked_at_once_and_what_batching_decided() -> None:
    made = page(STORIES["at once"])
    assert made.count("as one of 3 at once") == 3
    assert "Of 3 drivers asked at once, one accepted first." in made
    assert "withdrawn after 12 s" in made
    assert "The second of two orders: 4 min 41 s longer for the driver, 5 min 55 s and 1.6 km saved" in made
    assert "paying 4.44 EUR" in made
    assert "✓ restaurants 212 m apart; at most 500" in made
    assert made.count("✗ restaurants 612 m apart; at most 500") == 1, "told once for all who were asked"
    assert "✗ route efficiency 0.55; at least 0.70" in made
    assert "– saves -35 s and -210 m; no bound" in made


def test_times_are_the_regions_or_utc_and_it_says_which() -> None:
    assert "All times are Europe/Lisbon." in page(STORIES["late"])
    assert "All times are UTC (the region&#x27;s time zone is not known)." in page(
        everybody_late().explained(region=None)
    )
    began = Story().began.replace(month=7)
    summer = Clock("Europe/Lisbon", began)
    assert (summer.full(began), summer.time(began)) == ("Thu 2 Jul 2026, 16:00", "16:00")
    assert summer.exact(began + timedelta(hours=8)) == "3 Jul, 00:00:00"
    assert summer.tick(began + timedelta(hours=8)) == "3 Jul"


def test_positions_are_a_part_only_when_asked_for() -> None:
    assert "Driver positions" not in page(STORIES["late"])
    seen = Seen(driver_id=BRUNO, position=Position(lat=41.15, lon=-8.61), at=Story().time(50))
    made = page(replace(STORIES["late"], positions=Positions(seen=(seen,), told="No track is kept.")))
    assert "41.15, -8.61" in made
    assert "No track is kept." in made


def test_text_is_text_and_attributes_cannot_be_left() -> None:
    made = element("p", "<b>&", element("i", "\"'"), title='"><script>', data_label=None, class_="x")
    assert made == '<p title="&quot;&gt;&lt;script&gt;" class="x">&lt;b&gt;&amp;<i>&quot;&#x27;</i></p>'
    assert joined("<", None, element("br")) == "&lt;<br>"


def test_durations_and_amounts_read_well() -> None:
    said = [words.duration(seconds) for seconds in (0, 59.4, 60, 75, 599, 601, 3_599, 3_600, 3_900, 90_000)]
    assert said == ["0 s", "59 s", "1 min", "1 min 15 s", "9 min 59 s", "10 min", "1 h", "1 h", "1 h 5 min", "1 d 1 h"]
    assert [words.signed(seconds) for seconds in (90, -90, -0.2)] == ["+1 min 30 s", "−1 min 30 s", "+0 s"]
    assert [words.late(seconds) for seconds in (90, -90, 0.3)] == ["1 min 30 s late", "1 min 30 s early", "on time"]
    assert [words.amount(minor, "EUR") for minor in (3_619, 5, -120)] == ["36.19 EUR", "0.05 EUR", "−1.20 EUR"]
    assert words.amount(500, "JPY") == "500 JPY"
    assert [words.distance(metres) for metres in (412.0, 1_250.0)] == ["412 m", "1.2 km"]
