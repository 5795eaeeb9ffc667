"""Prometheus metrics under the names the dashboards know.

Several processes share one directory (`PROMETHEUS_MULTIPROC_DIR`, set before Python starts): each writes
its own files there and `render` sums them up. What the database knows is asked at scrape time.
"""

from prometheus_client import Counter, Histogram

http_request_duration_seconds = Histogram(
    "http_request_duration_seconds",
    "Time to answer a request; `route` is the path's template.",
    ("method", "route", "status_code"),
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
driver_match_duration_seconds = Histogram(
    "driver_match_duration_seconds",
    "Business time from confirmation to a driver who accepted.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30),
)
geo_query_duration_seconds = Histogram(
    "geo_query_duration_seconds",
    "Time to find the nearest drivers.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1),
)
driver_location_updates_total = Counter(
    "driver_location_updates_total",
    "Pings accepted.",
)
driver_location_dropped_total = Counter(
    "driver_location_dropped_total",
    "Pings dropped: stale, unknown (driver not on shift) or impossible.",
    ("reason",),
)
delivery_duration_minutes = Histogram(
    "delivery_duration_minutes",
    "Business time from placement to the customer's door.",
    buckets=(10, 15, 20, 25, 30, 35, 40, 50, 60, 90, 120),
)
eta_accuracy_minutes = Histogram(
    "eta_accuracy_minutes",
    "Delivered minus promised; positive is late.",
    buckets=(-15, -10, -5, -3, 0, 3, 5, 10, 15, 30),
)
