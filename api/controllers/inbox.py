"""What a customer, restaurant or driver was told."""

from litestar import Controller
from litestar.params import FromQuery, JSONBody

from api import examples
from api.bodies.customer import ReadUpTo
from api.call import ApiRequest
from api.operations import SUBJECTS, command, query
from api.types import Cursor, Limit
from api.views import Inbox, ReadMark
from application import read_marks
from projections import inbox


class InboxOf(Controller):
    """The in-app inbox of whoever asks."""

    path = "/v1/inbox"
    tags = ("customer", "restaurant", "driver")

    @query(
        "",
        id="list_inbox",
        summary="My inbox",
        roles=SUBJECTS,
        reads=("inbox",),
        answer=examples.INBOX,
    )
    def list_inbox(
        self, request: ApiRequest, limit: FromQuery[Limit] = 20, cursor: FromQuery[Cursor | None] = None
    ) -> Inbox:
        """Newest first."""
        with request.services.read() as connection:
            page = inbox.entries(connection, request.me.subject_id, before=cursor, limit=limit)
            unread = inbox.unread(connection, request.me.subject_id)
        return Inbox(items=page.items, next_cursor=page.next_cursor, unread=unread)

    @command(
        "/read-marks",
        id="mark_read",
        summary="I have read up to here",
        roles=SUBJECTS,
        body={"position": 4711},
        answer={"position": 4711},
        problems=(),
    )
    def mark_read(self, request: ApiRequest, data: JSONBody[ReadUpTo]) -> ReadMark:
        """Marks never go back."""
        services = request.services
        now = services.clock.machine_now()
        return ReadMark(position=read_marks.mark(services.tiffin.engine, request.me.subject_id, data.position, now))
