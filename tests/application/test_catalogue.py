"""The catalogue tells the truth, its page is the newest, and no event changes its shape without a new schema number."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from application.catalogue import breaks, catalogue, json_schema, markdown
from application.cli.__main__ import tiffin
from application.memory_keys import MemoryKeys
from domain.encryption import PersonalData, place_of
from domain.event import REGISTRY
from tests.domain.samples import MAPPER, SAMPLES, recorded

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "domain" / "schemas"
"""What every schema of every event looked like when it was last released."""


def kept(topic: str, schema: int) -> Path:
    return SCHEMAS / f"{topic}.v{schema}.json"


def written(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def test_the_page_is_the_newest() -> None:
    stale = "docs/events.md is out of date: `tiffin events catalogue --markdown > docs/events.md`"
    assert (ROOT / "docs" / "events.md").read_text() == markdown(), stale


def test_somebody_decides_every_event() -> None:
    assert {entry.topic for entry in catalogue()} == set(REGISTRY)
    assert [entry.topic for entry in catalogue() if not entry.emitted_by] == []


def test_the_catalogue_knows_who_decides_and_who_reacts() -> None:
    by_topic = {entry.topic: entry for entry in catalogue()}
    assert by_topic["order.driver_assigned"].emitted_by == ["order.accept_offer"]
    assert by_topic["order.delivered"].reactions == ["payments.capture", "orders.request_review"]
    assert "dropoff.address" in by_topic["order.placed"].personal


@pytest.mark.parametrize("topic", REGISTRY)
def test_an_event_keeps_its_shape_or_gets_a_new_schema_number(topic: str) -> None:
    cls = REGISTRY[topic]
    file = kept(topic, cls.SCHEMA)
    now = json_schema(cls)
    assert file.exists(), f"keep the new schema of {topic} as {file.name}:\n{written(now)}"
    reasons = breaks(json.loads(file.read_text()), now)
    assert not reasons, f"{topic} cannot be read any more: {reasons}; raise its schema number and add an upcaster"
    assert file.read_text() == written(now), f"{topic} changed so that old data can be read; keep it as {file.name}"


def test_there_is_a_kept_schema_of_every_number_and_no_other() -> None:
    expected = {kept(topic, number).name for topic, cls in REGISTRY.items() for number in range(1, cls.SCHEMA + 1)}
    assert {file.name for file in SCHEMAS.iterdir()} == expected


def test_the_list_on_a_narrow_terminal_names_every_event_in_full() -> None:
    shown = CliRunner().invoke(tiffin, ["events"], env={"COLUMNS": "80"})
    assert [topic for topic in REGISTRY if topic not in shown.output] == []


def test_what_is_piped_is_not_cut_to_a_terminals_width() -> None:
    narrow, piped = (
        CliRunner().invoke(tiffin, ["events"], env={"COLUMNS": columns}).output for columns in ("80", None)
    )
    assert len(piped.splitlines()) < len(narrow.splitlines())
    assert "driver.finish_delivery" in piped
    assert "driver.finish_delivery" not in narrow


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.TOPIC)
def test_what_is_stored_has_the_shape_that_the_catalogue_shows(event: Any) -> None:
    import jsonschema  # noqa: PLC0415 - slow to import, and used here only

    one = recorded(event)
    stored = MAPPER.to_stored_event(one).state
    clear = PersonalData(MemoryKeys()).reveal(stored, place_of(one.originator_id, one.originator_version))
    jsonschema.validate(json.loads(clear)["data"], json_schema(type(event)))


def test_what_breaks() -> None:
    old = {"properties": {"a": {"type": "integer"}, "b": {"type": "string", "default": ""}}, "required": ["a"]}

    def changed(**properties: Any) -> dict[str, Any]:
        required = [name for name, one in properties.items() if "default" not in one]
        return {"properties": properties, "required": required}

    a, b = {"type": "integer"}, {"type": "string", "default": ""}
    assert breaks(old, old) == []
    assert breaks(old, changed(a=a, b=b, c={"type": "integer", "default": 0})) == []
    assert breaks(old, changed(a=a | {"default": 1}, b=b)) == []
    assert breaks(old, changed(a=a)) == ["b is gone"]
    assert breaks(old, changed(a=a, b=b, c={"type": "integer"})) == ["c is new and has no default"]
    assert breaks(old, changed(a={"type": "string"}, b=b))
    assert breaks(old, changed(a=a, b={"type": "string"})) == ["b had a default and has none"]
    nested = old | {"$defs": {"Inner": changed(x=a)}}
    assert breaks(nested, old | {"$defs": {"Inner": changed(y=a)}}) == [
        "Inner.x is gone",
        "Inner.y is new and has no default",
    ]
