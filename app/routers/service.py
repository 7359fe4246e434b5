"""``/healthz``, ``/readyz``, ``/metrics``: for those who run the service."""

from fastapi import APIRouter, Request, Response

from app.auth import GuardedRoute
from app.market.access import Action
from app.routers.answers import JSON, documented
from app.routers.forms import View
from app.services import readiness
from app.telemetry import metrics_page

router = APIRouter(tags=["service"], route_class=GuardedRoute)


class StatusView(View):
    """How the service is."""

    status: str


@router.get("/healthz", operation_id=Action.CHECK_HEALTH, responses=documented(StatusView), summary="Alive?")
async def check_health() -> Response:
    """Answer as long as the process lives."""
    return Response(StatusView(status="alive").model_dump_json(), media_type=JSON)


@router.get(
    "/readyz", operation_id=Action.CHECK_READINESS, responses=documented(StatusView), summary="Ready?"
)
async def check_readiness(request: Request) -> Response:
    """Answer 200 when the database answers too, else 503."""
    await request.app.state.database.read(readiness.touch)
    return Response(StatusView(status="ready").model_dump_json(), media_type=JSON)


@router.get(
    "/metrics",
    operation_id=Action.READ_METRICS,
    summary="Metrics in Prometheus' text form",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics"}},
)
async def read_metrics() -> Response:
    """Answer the metrics of all worker processes."""
    page, content_type = metrics_page()
    return Response(page, headers={"Content-Type": content_type})
