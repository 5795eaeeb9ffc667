"""`python -m migrations upgrade|keys|current|head [URL]`; without a URL, DATABASE_URL's."""

import argparse
import os
import sys

from migrations.runner import current, head, prepare_keys, upgrade


def main() -> int:
    """Run one command; exit code 2 when no database was named."""
    parser = argparse.ArgumentParser(prog="python -m migrations", description="Migrate Tiffin's database.")
    parser.add_argument("command", choices=["upgrade", "keys", "current", "head"])
    parser.add_argument("url", nargs="?", default=os.environ.get("DATABASE_URL"), help="default: DATABASE_URL")
    arguments = parser.parse_args()
    if arguments.command == "head":
        print(head())  # noqa: T201 - the command's answer
        return 0
    if not arguments.url:
        parser.print_usage(sys.stderr)
        sys.stderr.write("Name the database: python -m migrations upgrade postgresql://…, or set DATABASE_URL.\n")
        return 2
    if arguments.command == "keys":
        prepare_keys(arguments.url)
        return 0
    if arguments.command == "upgrade":
        upgrade(arguments.url)
    print(current(arguments.url))  # noqa: T201 - the command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
