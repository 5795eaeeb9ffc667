"""Noting who looked at personal data."""

from application.bootstrap import Tiffin
from application.commands.access import NoteAccess
from application.commands.handlers.saving import begin
from application.context import Context
from application.ids import new_id
from application.store import Receipt
from domain import access


def note(tiffin: Tiffin, ctx: Context, command: NoteAccess) -> Receipt:
    """A stream of its own for each look: nobody waits for anybody."""
    events = access.look(operation=command.operation, subject_id=command.subject_id, asked=command.asked)
    return begin(tiffin, ctx, new_id(), events, status="noted")
