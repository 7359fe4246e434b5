"""The application: ``create_app()`` puts routers, guards, problems and telemetry together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from app import problems
from app.answer_headers import AnswerHeaders
from app.auth import GuardedRoute
from app.body_limit import BodyLimit
from app.routers import (
    accounts,
    agenda,
    allocations,
    applications,
    assessments,
    auctions,
    bands,
    bulletin,
    cautions,
    commitments,
    confirmations,
    docs,
    evidence,
    fees,
    inspections,
    jurisdictions,
    listings,
    needs,
    notices,
    objections,
    obligations,
    packages,
    parcels,
    policies,
    projects,
    purchases,
    reserves,
    reverification,
    sanctions,
    service,
    trades,
    upkeep,
    voidings,
)
from app.sealing.keys import Keys
from app.settings import Settings, load_settings
from app.store.database import Database
from app.telemetry import RequestTelemetry
from app.worker import due_work

# In the order in which a request's route is looked for: what the closing minutes and the public ask first.
ROUTERS = (
    auctions.router,
    bulletin.router,
    reserves.router,
    trades.router,
    objections.router,
    notices.router,
    confirmations.router,
    purchases.router,
    accounts.router,
    listings.router,
    needs.router,
    applications.router,
    commitments.router,
    obligations.router,
    allocations.router,
    parcels.router,
    evidence.router,
    reverification.router,
    upkeep.router,
    projects.router,
    jurisdictions.router,
    policies.router,
    bands.router,
    fees.router,
    sanctions.router,
    agenda.router,
    cautions.router,
    packages.router,
    inspections.router,
    assessments.router,
    voidings.router,
    service.router,
)

UNGUARDED = ("/openapi.json",)
"""The description of the routes, which the framework serves; the page that shows it follows the check."""

DESCRIPTION = """
A provincial exchange for farmland-balance and linkage indicators (耕地占补平衡、增减挂钩节余指标).

* Quantities and money are decimal strings; instants are RFC 3339.
* Every write needs an `Idempotency-Key`: the same request under the same key is done once.
* Errors are `application/problem+json` with a stable `code`, and the field to blame.
* Lists come in pages: pass `next_cursor` as `cursor`.
"""


def create_app(settings: Settings | None = None, *, database: Database | None = None) -> FastAPI:
    """Make the application; tests hand in their own database, which they close themselves."""
    settings = settings or load_settings()
    own = database is None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if own:
            app.state.database = _connected(settings)
        worker = asyncio.create_task(due_work(app.state, settings)) if own else None
        try:
            yield
        finally:
            if worker is not None:
                worker.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await worker
            if own:
                await app.state.database.dispose()

    app = FastAPI(
        title="Gengheng 耕衡",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.keys = Keys.derive(settings.sealing_key_bytes())
    if database is not None:
        app.state.database = database
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    _refuse_unguarded(app)
    docs.install(app)
    app.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RequestTelemetry)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _connected(settings: Settings) -> Database:
    if settings.database_url is None:
        raise RuntimeError("serve the application with `gengheng serve`, which starts the database")
    return Database.connect(
        settings.database_url.get_secret_value(),
        pool_size=settings.pool_size,
        statement_timeout_ms=settings.statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
    )


def _refuse_unguarded(app: FastAPI) -> None:
    """Stop unless every route is guarded: one that is missing from the access table must not start."""
    for route in iter_route_contexts(app.routes):
        path = getattr(route, "path", "")
        if path not in UNGUARDED and not isinstance(route.original_route, GuardedRoute):
            raise RuntimeError(f"{path} is not a GuardedRoute")


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schema.setdefault("components", {})["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of `gengheng token create`",
            }
        }
        problems.document(schema)
        app.openapi_schema = schema
    return app.openapi_schema
