"""What goes wrong with engines."""


class EngineFailed(Exception):  # noqa: N818 - names the outcome
    """An engine cannot be started; the message says why and what to do, or carries the end of its log."""
