"""A gateway that drivers' devices talk to hands on their positions, many drivers' at once."""

from litestar import Controller, post
from litestar.params import JSONBody

from api import examples
from api.bodies.gateway import GatewayPings
from api.call import ApiRequest
from api.operations import service
from api.views import Dropped, GatewayTaken
from application.commands import ReportBack
from application.context import Context
from domain.errors import NotFound, Refusal


class Gateway(Controller):
    """What a gateway does."""

    path = "/v1/gateway"
    tags = ("driver",)

    @service(
        "/positions",
        post,
        id="relay_positions",
        summary="Where many drivers are",
        body={"region": "porto", "positions": [{"driver_id": examples.DRIVER} | examples.POSITION]},
        answer={"accepted": 1, "late": 0, "dropped": {"stale": 0, "unknown": 0, "impossible": 0}},
        problems=(404,),
    )
    async def relay_positions(self, request: ApiRequest, data: JSONBody[GatewayPings]) -> GatewayTaken:
        """At most 1,000 of one region, each driver's oldest first; they take the same way as a driver's own.

        For who holds `TIFFIN_GATEWAY_TOKEN`. Stale: not newer than the driver's last. Unknown: not on shift in this
        region. Impossible: in the future, of another day, or too far away. Late: older than six minutes, and so kept as
        where the driver was, not as where the driver is. Too many at once are refused with 503 and Retry-After.
        """
        services = request.services
        if data.region not in services.tiffin.regions:
            raise NotFound("region", data.region)
        counts = await services.pings.submit(data.region, data.pings())
        if counts.came_back:
            context = Context(meta=request.call.meta(), now=services.clock.now())

            def report() -> None:
                for driver_id in counts.came_back:
                    try:
                        services.execute(context, ReportBack(driver_id=driver_id))
                    except Refusal:
                        # One driver's state must not keep the others silent; their next position says it again.
                        continue

            await services.in_thread(report)
        return GatewayTaken(
            accepted=counts.accepted,
            late=counts.late,
            dropped=Dropped(
                stale=counts.dropped_stale, unknown=counts.dropped_unknown, impossible=counts.dropped_impossible
            ),
        )
