"""Real days: reads instances of the public meal delivery routing problem.

An instance is a folder of four tab-separated files with a header line each: `orders.txt` (order, x, y, placement_time,
restaurant, ready_time), `couriers.txt` (courier, x, y, on_time, off_time), `restaurants.txt` (restaurant, x, y) and
`instance_parameters.txt` (meters_per_minute, pickup service minutes, dropoff service minutes, …). x and y are metres;
times are minutes from the instance's own start of operation.
"""

from dataclasses import dataclass
from pathlib import Path

from simulation.geometry import Point


class BadInstance(ValueError):  # noqa: N818 - names what is wrong
    """The folder is not such an instance; the message names file, line and remedy."""


@dataclass(frozen=True)
class InstanceOrder:
    """One row of `orders.txt`; times in minutes."""

    name: str
    point: Point
    placement_min: float
    restaurant: str
    ready_min: float


@dataclass(frozen=True)
class InstanceCourier:
    """One row of `couriers.txt`; times in minutes."""

    name: str
    point: Point
    on_min: float
    off_min: float


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One real day."""

    name: str
    metres_per_minute: float
    pickup_minutes: float
    dropoff_minutes: float
    orders: tuple[InstanceOrder, ...]
    """By placement time."""
    couriers: tuple[InstanceCourier, ...]
    restaurants: dict[str, Point]


def read(folder: Path) -> Instance:
    """Read an instance. Raises BadInstance."""
    if not folder.is_dir():
        raise BadInstance(f"{folder} is not a folder; give the folder that holds orders.txt, couriers.txt, …")
    restaurants = {
        row["restaurant"]: Point(row.number("x"), row.number("y"))
        for row in _rows(folder / "restaurants.txt", ("restaurant", "x", "y"))
    }
    orders = []
    for row in _rows(folder / "orders.txt", ("order", "x", "y", "placement_time", "restaurant", "ready_time")):
        if row["restaurant"] not in restaurants:
            raise row.error(f"restaurant {row['restaurant']!r} is not in restaurants.txt")
        placement_min, ready_min = row.number("placement_time"), row.number("ready_time")
        if ready_min < placement_min:
            raise row.error("ready_time is before placement_time")
        point = Point(row.number("x"), row.number("y"))
        orders.append(InstanceOrder(row["order"], point, placement_min, row["restaurant"], ready_min))
    couriers = []
    for row in _rows(folder / "couriers.txt", ("courier", "x", "y", "on_time", "off_time")):
        on_min, off_min = row.number("on_time"), row.number("off_time")
        if off_min < on_min:
            raise row.error("off_time is before on_time")
        couriers.append(InstanceCourier(row["courier"], Point(row.number("x"), row.number("y")), on_min, off_min))
    service = ("meters_per_minute", "pickup service minutes", "dropoff service minutes")
    parameters = next(iter(_rows(folder / "instance_parameters.txt", service)), None)
    if parameters is None or not restaurants or not orders or not couriers:
        raise BadInstance(f"{folder} has an empty file; parameters, restaurants, orders and couriers are all needed")
    metres_per_minute = parameters.number("meters_per_minute")
    if metres_per_minute <= 0:
        raise parameters.error("meters_per_minute must be above 0")
    return Instance(
        name=folder.name,
        metres_per_minute=metres_per_minute,
        pickup_minutes=parameters.number("pickup service minutes"),
        dropoff_minutes=parameters.number("dropoff service minutes"),
        orders=tuple(sorted(orders, key=lambda order: order.placement_min)),
        couriers=tuple(couriers),
        restaurants=restaurants,
    )


class _Row(dict[str, str]):
    """A line by column name, which knows where it stands."""

    def __init__(self, path: Path, line: int, fields: dict[str, str]) -> None:
        super().__init__(fields)
        self.path = path
        self.line = line

    def number(self, column: str) -> float:
        try:
            number = float(self[column])
        except ValueError:
            raise self.error(f"{column} must be a number, not {self[column]!r}") from None
        if number != number or abs(number) == float("inf"):  # noqa: PLR0124 - NaN alone differs from itself
            raise self.error(f"{column} must be a finite number")
        return number

    def error(self, what: str) -> BadInstance:
        return BadInstance(f"{self.path}, line {self.line}: {what}")


def _rows(path: Path, columns: tuple[str, ...]) -> list[_Row]:
    """Read a tab-separated file with a header that has at least `columns`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise BadInstance(f"{path} is missing; it is one of the four files of an instance") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInstance(f"{path} cannot be read: {error}") from None
    header = lines[0].split("\t") if lines else []
    if missing := [column for column in columns if column not in header]:
        raise BadInstance(f"{path}, line 1: the header lacks {', '.join(missing)} (tab-separated)")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != len(header):
            raise BadInstance(f"{path}, line {number}: {len(fields)} fields where the header has {len(header)}")
        rows.append(_Row(path, number, dict(zip(header, fields, strict=True))))
    return rows
