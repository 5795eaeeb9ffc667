"""Examples of a region's map, now and then, for the documentation."""

from api.examples import DRIVER, MORNING, ORDER

REGION_MAP = {
    "region": "porto",
    "name": "Porto",
    "timezone": "Europe/Lisbon",
    "lat": 41.1496,
    "lon": -8.611,
    "at": MORNING,
    "drivers": [[DRIVER, 41.15011, -8.61203, "busy", 1, 2, 3]],
    "unplaced": 0,
    "orders": [
        [ORDER, "picked_up", 41.1496, -8.611, 41.1579, -8.6291, DRIVER, 1741942800, 1741943100, 300, "Tasca do Bolhão"]
    ],
    "truncated": False,
}
REGION_HISTORY = {
    "region": "porto",
    "timezone": "Europe/Lisbon",
    "lat": 41.1496,
    "lon": -8.611,
    "since": MORNING,
    "step_seconds": 10,
    "samples": 3,
    "drivers": [[DRIVER, "-fb", [None, 51, 7], [None, -103, 12]]],
    "orders": [
        [
            ORDER,
            "Tasca do Bolhão",
            41.1496,
            -8.611,
            41.1579,
            -8.6291,
            1741942800,
            [[-80.0, "preparing", None, 1741942800], [12.5, "preparing", DRIVER, 1741943100]],
        ]
    ],
    "truncated": False,
}
