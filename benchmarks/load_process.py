"""A load generator in a process of its own, and the lines spoken with it."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import click
import msgspec

ROOT = Path(__file__).resolve().parent.parent


class LoadProcess:
    """Runs a module that reads its task as the first line of its input."""

    def __init__(self, module: str, task: msgspec.Struct) -> None:
        """Nothing runs before it is entered."""
        self._module = module
        self._task = task

    def __enter__(self) -> Self:
        """Start it on its task."""
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            [sys.executable, "-m", self._module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        self.say(msgspec.json.encode(self._task).decode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Tell it something."""
        if self._process.stdin is None:
            raise RuntimeError("the generator has no input")
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> bytes:
        """Wait for its next line. Raises click's exception when it ended instead."""
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise click.ClickException("a load generator ended early; its error stands above")
        return line.rstrip()

    def expect(self, line: bytes) -> None:
        """Wait for this line."""
        if (heard := self.hear()) != line:
            raise click.ClickException(f"a load generator said {heard[:200]!r} instead of {line!r}")

    def result[R](self, kind: type[R]) -> R:
        """Wait for what it saw."""
        return msgspec.json.decode(self.hear(), type=kind)
