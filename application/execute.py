"""The one way a command runs: its handler, again when somebody else appended first, once per idempotency key."""

import asyncio

import msgspec

from application.bootstrap import Tiffin
from application.commands.registry import HANDLERS, ON_THE_LOOP
from application.context import Context
from application.store import Receipt, StoreBusy, VersionConflict
from domain.errors import Refusal

TRIES = 5
"""How often a command is decided anew before the stream counts as too busy."""


def execute(tiffin: Tiffin, ctx: Context, command: msgspec.Struct) -> Receipt:
    """Load, decide and append until nobody else appended in between.

    A command whose key was answered before gets that answer, even when it would be refused by now.
    Raises the domain's Refusals, KeyReused, PaymentUnavailable, Fenced and StoreBusy.
    """
    handle = HANDLERS[type(command)]
    for _ in range(TRIES):
        try:
            return handle(tiffin, ctx, command)
        except VersionConflict:
            continue
        except Refusal:
            answered = tiffin.store.answered(ctx.idempotency) if ctx.idempotency else None
            if answered is None:
                raise
            return answered
    raise StoreBusy


async def execute_async(tiffin: Tiffin, ctx: Context, command: msgspec.Struct) -> Receipt:
    """Execute one of those commands that run on the event loop. They begin streams, so nobody comes in between."""
    try:
        return await ON_THE_LOOP[type(command)](tiffin, ctx, command)
    except Refusal:
        answered = await asyncio.to_thread(tiffin.store.answered, ctx.idempotency) if ctx.idempotency else None
        if answered is None:
            raise
        return answered
