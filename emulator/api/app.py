"""Puts the routes together: FastAPI for people, plain ASGI where a microsecond counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import PlainTextResponse

from emulator.api.gateway import GatewayRoute, not_found
from emulator.api.lambda_api import InvokeRoute

if TYPE_CHECKING:
    from emulator.core.profile import Profile
    from emulator.core.routes import RouteTable
    from emulator.live.engine import Engine
    from emulator.telemetry.logs import Logs
    from emulator.telemetry.metrics import Metrics


def create_app(
    engine: Engine,
    routes: RouteTable,
    *,
    port: int,
    profile: Profile,
    backend: str,
    logs: Logs,
    metrics: Metrics,
) -> FastAPI:
    """The whole HTTP face of one emulator."""
    app = FastAPI(title="Serverless testbed", docs_url="/_testbed/docs", redoc_url=None)
    app.router.routes.insert(0, InvokeRoute(engine, profile))
    app.router.routes.insert(1, GatewayRoute(engine, routes, port))

    app.router.default = not_found

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok", "backend": backend, "profile": profile.name}

    @app.get("/metrics")
    def prometheus() -> Response:
        body, content_type = metrics.render()
        return Response(body, media_type=content_type)

    @app.get("/_testbed/sandboxes")
    async def sandboxes() -> list[dict[str, Any]]:
        return _sandboxes(engine)

    @app.get("/_testbed/logs/{function}")
    async def function_logs(
        function: str, limit: Annotated[int, Query(ge=1, le=10_000)] = 200
    ) -> PlainTextResponse:
        if f"{function}:$LATEST" not in engine.functions:
            raise HTTPException(404, f"No function is called {function}.")
        return PlainTextResponse("".join(f"{line}\n" for line in logs.tail(function, limit)))

    return app


def _sandboxes(engine: Engine) -> list[dict[str, Any]]:
    now = engine.now()
    return [
        {
            "id": sandbox.id,
            "function": sandbox.function.name,
            "state": sandbox.state.name.lower(),
            "age_s": round(now - sandbox.created_at, 3),
            "idle_s": round(now - sandbox.idle_since, 3) if sandbox.state.name == "IDLE" else None,
            "memory_mb": sandbox.function.memory_mb,
        }
        for sandbox in engine.sandboxes.values()
    ]
