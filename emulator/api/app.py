"""Puts the routes together: FastAPI for people, plain ASGI where a microsecond counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import PlainTextResponse
from starlette.routing import Match

from emulator.api.companion.route import SignedRoute
from emulator.api.function_url.route import FunctionUrlRoute
from emulator.api.http_api.route import GatewayRoute, not_found
from emulator.api.invoke.route import InvokeRoute
from emulator.api.invoke.stream_route import ResponseStreamRoute

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from emulator.api.companion.route import OtherServices
    from emulator.core.profile import Profile
    from emulator.core.routes import RouteTable
    from emulator.live.engine import Engine
    from emulator.telemetry.log_store import Logs
    from emulator.telemetry.metrics import Metrics


class _Gateway(FastAPI):
    """Invoke passes FastAPI's middleware by, which would cost a tenth of a warm invocation."""

    invoke: InvokeRoute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.invoke.matches(scope)[0] is Match.FULL:
            await self.invoke.handle(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    engine: Engine,
    routes: RouteTable,
    *,
    port: int,
    profile: Profile,
    backend: str,
    logs: Logs,
    metrics: Metrics,
    others: OtherServices | None = None,
) -> FastAPI:
    """The whole HTTP face of one emulator; `others` are AWS's services beside ours."""
    app = _Gateway(title="Serverless testbed", docs_url="/_testbed/docs", redoc_url=None)
    app.invoke = InvokeRoute(engine, profile)
    app.router.routes[:0] = _plain_routes(engine, routes, port, profile, others)
    app.router.default = not_found if others is None else others.fall_back

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


def _plain_routes(
    engine: Engine,
    routes: RouteTable,
    port: int,
    profile: Profile,
    others: OtherServices | None,
) -> list[BaseRoute]:
    """In order: what the template routes comes last."""
    plain: list[BaseRoute] = []
    if profile.streamed_response_limit:
        plain.append(ResponseStreamRoute(engine, profile))
    plain.append(FunctionUrlRoute(engine, profile, port))
    if others is not None:
        plain.append(SignedRoute(others))
    plain.append(GatewayRoute(engine, routes, port))
    return plain


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
