"""Rebuilding order_details beside the live one: `python -m benchmarks.rebuild`.

A log of whole orders, a read model that is live, and somebody who reads it all the time: how long the rebuild takes,
how much memory it needs at the beginning and at most, and whether a read ever failed or found less than before.
"""

import json
import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import click
import psutil
import psycopg

import migrations
from application.engines.embedded import embedded
from benchmarks.projection import catch_up, fill, keys_in, reader_of
from projections import generations, order_details
from projections.connections import open_engine

MEGABYTE = 1024 * 1024
LOOK_SECONDS = 0.005


@click.command()
@click.option("--events", type=click.IntRange(1_000, 100_000_000), default=1_000_000, show_default=True)
def main(events: int) -> None:
    """Measure, and print one JSON line last."""
    with (
        tempfile.TemporaryDirectory(prefix="tiffin-rebuild-") as folder,
        embedded(Path(folder)) as engines,
        ExitStack() as closing,
    ):
        url = engines.database_url
        migrations.upgrade(url)
        keys = closing.enter_context(keys_in(url, Path(folder)))
        events = fill(url, keys, events)
        print(f"{events} events are in the log", file=sys.stderr)
        catch_up(url, keys, events)
        print("order_details is live; now it is rebuilt", file=sys.stderr)
        looking, ended = Looking(url), threading.Event()
        watching = threading.Thread(target=looking.look, args=(ended,))
        watching.start()
        before, began = looking.memory_mb(), time.perf_counter()
        generations.rebuild(open_engine(url), reader_of(keys), order_details.PROJECTION, looking.note_quarter)
        seconds = time.perf_counter() - began
        ended.set()
        watching.join()
    found = {
        "events": events,
        "seconds": round(seconds, 2),
        "events_per_s": round(events / seconds, 1),
        "memory_before_mb": before,
        "memory_by_quarter_mb": looking.quarters,
        "memory_most_mb": looking.most_mb,
        "reads": looking.reads,
        "reads_failed": looking.failed,
        "cores": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(found))


class Looking:
    """Reads the read model, and this process's memory, until told to stop."""

    def __init__(self, url: str) -> None:
        """Nothing is read yet."""
        self._url = url
        self._process = psutil.Process()
        self.most_mb = 0.0
        self.quarters: list[float] = []
        self.reads = 0
        self.failed = 0

    def look(self, ended: threading.Event) -> None:
        """A read every few milliseconds; one that finds fewer orders than before failed too."""
        most = 0
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not ended.wait(LOOK_SECONDS):
                self.most_mb = max(self.most_mb, self.memory_mb())
                try:
                    row = connection.execute(
                        "SELECT count(*) FROM (SELECT 1 FROM order_details.orders LIMIT 1000) AS o"
                    )
                    count = (row.fetchone() or (0,))[0]
                except psycopg.Error:
                    self.failed += 1
                    continue
                self.reads += 1
                self.failed += count < most
                most = max(most, count)

    def note_quarter(self, position: int, head: int) -> None:
        """The memory after each quarter of the log."""
        if len(self.quarters) < 4 * position // head:
            self.quarters.append(self.memory_mb())

    def memory_mb(self) -> float:
        """What this process holds now."""
        return round(self._process.memory_info().rss / MEGABYTE, 1)


if __name__ == "__main__":
    main()
