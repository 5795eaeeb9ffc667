"""The same evening in a second world where every order is offered by itself: what a plan is worth."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

DEMO = ("-m", "application.cli", "demo", "--one-by-one", "--json")
MOST_SECONDS = 600.0
STOP_SECONDS = 30.0
CORES_FOR_BOTH = 4
"""With fewer the two worlds would slow each other down; then one comes after the other."""
ROWS = (
    ("orders delivered", "delivered"),
    ("orders lost", "lost"),
    ("click to door, mean (min)", "click_to_door_mean_min"),
    ("click to door, p90 (min)", "click_to_door_p90_min"),
    ("food ready → picked up, mean (min)", "ready_to_pickup_mean_min"),
    ("orders bundled with another", "bundled"),
    ("offers made", "offers"),
)

type Summary = Mapping[str, float | int | None]


class OneByOne:
    """A `tiffin demo --one-by-one` in a process of its own."""

    def __init__(self, arguments: Sequence[str], *, program: Sequence[str] = DEMO) -> None:
        """`arguments` make the evening the same."""
        self._command = [sys.executable, *program, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        # A file takes all that is said while nobody reads; a full pipe would hold the evening up. `stop` closes it.
        self._output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115

    def start(self) -> None:
        """Let it live."""
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            self._command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT
        )

    def summary(self, *, most_seconds: float = MOST_SECONDS) -> Summary:
        """Wait for its end. Raises ClickException with its last words when it took too long or told no figures.

        Those of an evening that lost orders, and failed for that, are as good as others'.
        """
        if self._process is None:
            self.start()
        assert self._process is not None, "started above"  # noqa: S101 - narrows the type
        try:
            self._process.wait(most_seconds)
        except subprocess.TimeoutExpired as error:
            raise self._failed(f"took longer than {most_seconds:g} s") from error
        found = next((line for line in reversed(self._lines()) if line.startswith("{")), "")
        try:
            figures: Summary = json.loads(found)
        except json.JSONDecodeError as error:
            how = "ended without its figures" if self._process.returncode == 0 else "failed"
            raise self._failed(how) from error
        if self._process.returncode != 0 and not figures.get("lost"):
            raise self._failed("failed")
        return figures

    def _failed(self, how: str) -> click.ClickException:
        return click.ClickException(f"The evening without plans {how}: " + " · ".join(self._lines()[-3:]))

    def _lines(self) -> list[str]:
        self._output.seek(0)
        return self._output.read().strip().splitlines()

    def stop(self) -> None:
        """End it, if it still runs; it takes its world along."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()


@contextmanager
def one_by_one(arguments: Sequence[str]) -> Iterator[OneByOne]:
    """Run beside whatever the block does, if the machine has the cores for both; otherwise when asked for."""
    other = OneByOne(arguments)
    if (os.cpu_count() or 1) >= CORES_FOR_BOTH:
        other.start()
    try:
        yield other
    finally:
        other.stop()


def told(planned: Summary, alone: Summary) -> tuple[list[tuple[str, str, str]], str]:
    """Rows of a table, and a sentence: what the plans were worth on this evening."""
    rows = [(label, _figure(planned[key]), _figure(alone[key])) for label, key in ROWS]
    with_plan, without = planned["click_to_door_mean_min"], alone["click_to_door_mean_min"]
    if with_plan is None or without is None:
        return rows, "Nothing was delivered, so there is nothing to compare."
    if planned["lost"] or alone["lost"]:
        return rows, "Orders were lost, so these are not figures of the same orders."
    saved = without - with_plan
    total = saved * (planned["delivered"] or 0)
    verb = "earlier" if saved >= 0 else "later"
    return rows, (
        f"On the same evening plans bring each order {abs(saved):.1f} min {verb} to its door than offers one by one: "
        f"{abs(total):.0f} customer minutes; {planned['bundled']} orders shared a driver's bag."
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
