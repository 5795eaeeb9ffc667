"""The command line: one file a subcommand, each offering a click command named `command`.

Run as `tiffin` or `python -m application.cli`. A subcommand is imported when it is called and not before.
"""
