import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.geo import Position, distance_m
from domain.region import PORTO, Region

positions = st.builds(
    Position, lat=st.floats(min_value=-85, max_value=85), lon=st.floats(min_value=-180, max_value=180)
)


def test_a_degree_of_latitude_is_111_km() -> None:
    assert distance_m(Position(lat=41.0, lon=-8.0), Position(lat=42.0, lon=-8.0)) == pytest.approx(111_195, abs=1)


def test_the_date_line_is_no_obstacle() -> None:
    assert distance_m(Position(lat=0.0, lon=179.9), Position(lat=0.0, lon=-179.9)) == pytest.approx(22_239, abs=1)


@given(positions, positions)
def test_there_is_as_far_as_back_and_nowhere_is_farther_than_half_round(a: Position, b: Position) -> None:
    assert distance_m(a, b) == pytest.approx(distance_m(b, a))
    assert 0 <= distance_m(a, b) <= 20_015_115
    assert distance_m(a, a) == 0


@pytest.mark.parametrize("document", ['{"lat":85.1,"lon":0}', '{"lat":0,"lon":180.1}', '{"lat":"x","lon":0}'])
def test_positions_off_the_map_are_not_read(document: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(document, type=Position)


def test_a_region_has_a_time_zone_that_exists() -> None:
    with pytest.raises(ValueError, match="Europe/Oporto"):
        Region(id="x1", name="X", currency="EUR", timezone="Europe/Oporto", center=PORTO.center)
