"""The rush as it goes: a table on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live
from rich.table import Table

from simulation.clock import Timeline
from simulation.scenario import Scenario
from simulation.shapes import Progress

STATUSES = (
    "placed",
    "confirmed",
    "preparing",
    "ready_for_pickup",
    "picked_up",
    "delivered",
    "completed",
    "cancelled",
    "rejected",
)
LINE_SECONDS = 10.0
"""Machine time between two lines where there is no terminal."""


class ProgressView:
    """Shows each look at the progress page."""

    def __init__(self, console: Console, timeline: Timeline, scenario: Scenario) -> None:
        """Nothing is shown before it is entered."""
        self._console = console
        self._timeline = timeline
        self._title = scenario.title
        self._zone = ZoneInfo(scenario.timezone)
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._line_due = 0.0

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen to others."""
        if self._live:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show what is going on."""
        if self._live:
            self._live.update(self._table(progress))
        elif time.monotonic() >= self._line_due:
            self._line_due = time.monotonic() + LINE_SECONDS
            self._console.print(self._line(progress), soft_wrap=True, highlight=False)

    def _clock(self) -> str:
        minutes = self._timeline.seconds() / 60
        return f"{self._timeline.now().astimezone(self._zone):%H:%M} (minute {minutes:.0f})"

    def _line(self, progress: Progress) -> str:
        orders = ", ".join(
            f"{progress.orders_by_status[status]} {status.replace('_', ' ')}"
            for status in STATUSES
            if progress.orders_by_status.get(status)
        )
        return f"{self._clock()}: {orders or 'no orders yet'} · {progress.events} events · lag {progress.lag}"

    def _table(self, progress: Progress) -> Table:
        table = Table(title=f"{self._title} — {self._clock()}", title_justify="left", show_header=False)
        table.add_column(style="bold")
        table.add_column(justify="right", min_width=7)
        for status in STATUSES:
            table.add_row(f"orders {status.replace('_', ' ')}", str(progress.orders_by_status.get(status, 0)))
        table.add_section()
        for answer in ("made", "accepted", "declined", "expired"):
            table.add_row(f"offers {answer}", str(progress.offers.get(answer, 0)))
        table.add_section()
        table.add_row("drivers on shift", str(progress.drivers_on_shift))
        table.add_row("drivers silent", str(progress.silent_drivers))
        table.add_row("orders with a silent driver", str(progress.orders_driver_silent))
        table.add_section()
        table.add_row("events stored", str(progress.events))
        table.add_row("projection lag (events)", str(progress.lag))
        table.add_row("reactions pending", str(progress.reactions.pending))
        table.add_row("workers' queue", str(sum(progress.queues.values())))
        return table
