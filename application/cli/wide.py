"""Where subcommands print their tables."""

import os

from rich.console import Console

WIDTH = 160


def console() -> Console:
    """Standard output; in a pipe or a file wide enough for every table, unless COLUMNS says how wide that is."""
    output = Console()
    return output if output.is_terminal or os.environ.get("COLUMNS") else Console(width=WIDTH)
