"""Auditors look at any moment of any stream."""

from typing import Annotated
from uuid import UUID

from litestar import Controller
from litestar.params import FromPath, FromQuery
from msgspec import Meta

from api import examples
from api.call import ApiRequest
from api.controllers.customer import moment as in_utc
from api.operations import AUDITOR, query
from api.types import Time
from api.views import StreamDiff
from application import time_travel
from application.time_travel import Moment

type Version = Annotated[int, Meta(ge=1, le=2**31)]


class Streams(Controller):
    """One stream's past."""

    path = "/v1/audit/streams"
    tags = ("auditor",)

    @query(
        "/{stream_id:uuid}/state",
        id="get_stream_state",
        summary="A stream at a moment",
        roles=AUDITOR,
        answer=examples.STREAM_STATE,
        problems=(404,),
    )
    def get_stream_state(
        self,
        request: ApiRequest,
        stream_id: FromPath[UUID],
        version: FromQuery[Version | None] = None,
        at: FromQuery[Time | None] = None,
    ) -> Moment:
        """After the event of that `version`, or after everything that happened until `at`; now, without either."""
        request.note_access(stream_id)
        return time_travel.moment(request.services.tiffin.store, stream_id, version=version, at=in_utc("at", at))

    @query(
        "/{stream_id:uuid}/diff",
        id="compare_stream_states",
        summary="What changed between two moments",
        roles=AUDITOR,
        answer=examples.STREAM_DIFF,
        problems=(404,),
    )
    def compare_stream_states(
        self,
        request: ApiRequest,
        stream_id: FromPath[UUID],
        from_version: FromQuery[Version | None] = None,
        from_at: FromQuery[Time | None] = None,
        to_version: FromQuery[Version | None] = None,
        to_at: FromQuery[Time | None] = None,
    ) -> StreamDiff:
        """Field by field. Each moment is a version or a time; left out, they are the stream's beginning and now."""
        request.note_access(stream_id)
        store = request.services.tiffin.store
        begin = from_version if from_version is not None or from_at is not None else 1
        before = time_travel.moment(store, stream_id, version=begin, at=in_utc("from_at", from_at))
        after = time_travel.moment(store, stream_id, version=to_version, at=in_utc("to_at", to_at))
        return StreamDiff(
            stream_id=stream_id,
            kind=after.kind,
            from_version=before.version,
            to_version=after.version,
            changes=time_travel.differences(before.state, after.state),
        )
