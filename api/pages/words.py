"""Times, durations and amounts as people read them."""

from datetime import datetime
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3_600, 86_400
KILOMETRE = 1_000

DECIMALS = {"BHD": 3, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "TND": 3, "VND": 0}
"""ISO 4217's minor units where they are not hundredths."""


class Clock:
    """Tells times in one time zone; with the day where it is not that of the beginning."""

    def __init__(self, timezone: str, since: datetime) -> None:
        """`timezone` is an IANA name, `since` when what is told of began."""
        self.zone = ZoneInfo(timezone)
        self._day = since.astimezone(self.zone).date()

    def time(self, at: datetime) -> str:
        """Hours and minutes."""
        return f"{self._other_day(at)}{at.astimezone(self.zone):%H:%M}"

    def exact(self, at: datetime) -> str:
        """With seconds."""
        return f"{self._other_day(at)}{at.astimezone(self.zone):%H:%M:%S}"

    def tick(self, at: datetime) -> str:
        """On an axis: hours and minutes, a day where it begins."""
        local = at.astimezone(self.zone)
        return f"{local:%H:%M}" if local.hour or local.minute else f"{local.day} {local:%b}"

    def full(self, at: datetime) -> str:
        """With the day."""
        local = at.astimezone(self.zone)
        return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"

    def _other_day(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return "" if local.date() == self._day else f"{local.day} {local:%b}, "


def duration(seconds: float) -> str:
    """Whole seconds below ten minutes, then minutes, then hours; without a sign."""
    whole = round(abs(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < 10 * MINUTE and whole % MINUTE:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    minutes = round(whole / MINUTE)
    if minutes < HOUR // MINUTE:
        return f"{minutes} min"
    if whole < DAY:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def signed(seconds: float) -> str:
    """A duration with + or −."""
    return f"{'−' if round(seconds) < 0 else '+'}{duration(seconds)}"


def late(seconds: float) -> str:
    """As in "3 min late"; less than half a second is on time."""
    if not round(seconds):
        return "on time"
    return f"{duration(seconds)} {'late' if seconds > 0 else 'early'}"


def amount(minor: int, currency: str) -> str:
    """Minor units as in "12.50 EUR"."""
    decimals = DECIMALS.get(currency, 2)
    whole, rest = divmod(abs(minor), 10**decimals)
    sign = "−" if minor < 0 else ""
    return f"{sign}{whole}.{rest:0{decimals}d} {currency}" if decimals else f"{sign}{whole} {currency}"


def distance(metres: float) -> str:
    """As in "850 m" and "1.2 km"."""
    return f"{metres:.0f} m" if metres < KILOMETRE else f"{metres / KILOMETRE:.1f} km"
