"""Operators: the platform's progress in figures, and Prometheus metrics."""

from litestar import Controller, Response

from api import examples
from api.call import ApiRequest
from api.operations import STAFF, plain, query
from api.progress import Progress, progress
from application import metrics
from application.seals.book import Book


class Ops(Controller):
    """What operators look at."""

    path = "/"
    tags = ("ops",)

    @query(
        "/v1/ops/progress",
        id="get_progress",
        summary="The platform in figures",
        roles=STAFF,
        answer=examples.PROGRESS,
    )
    def get_progress(self, request: ApiRequest) -> Progress:
        """Orders, offers, drivers, events, lag and queues, as of now."""
        return progress(request.services.tiffin)

    @plain(
        "/metrics",
        id="get_metrics",
        summary="Prometheus metrics",
        answer=examples.METRICS,
        answer_type="text/plain",
        threaded=True,
    )
    def get_metrics(self, request: ApiRequest) -> Response[bytes]:
        """Of all processes of this machine together."""
        tiffin = request.services.tiffin
        body, media_type = metrics.render(tiffin.reads, Book(tiffin.settings.seals))
        return Response(body, media_type=media_type)
