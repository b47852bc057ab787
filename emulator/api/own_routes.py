"""Serves the testbed's own pages: health for everyone; metrics, sandboxes and logs for users.

Knows what to show; who invokes what is the other routes'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import PlainTextResponse
from starlette.requests import Request  # noqa: TC002  # FastAPI reads annotations

from emulator.core.model import SandboxState
from emulator.host.cgroup_files import mebibytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.api.peers import SandboxClients
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.engine import Engine
    from emulator.telemetry.log_store import Logs
    from emulator.telemetry.metrics import Metrics


def own_routes(
    engine: Engine,
    *,
    backend: str,
    profile: str,
    logs: Logs,
    metrics: Metrics,
    sandboxes: SandboxClients,
) -> tuple[APIRouter, APIRouter]:
    """Returns the routes that are open to every client, and those that are closed to sandboxes."""
    everyone = APIRouter()
    users = APIRouter(dependencies=[Depends(_refusal_of(sandboxes))])

    @everyone.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "backend": backend, "profile": profile}

    @users.get("/metrics")
    async def prometheus() -> Response:
        body, content_type = metrics.render()
        return Response(body, media_type=content_type)

    @users.get("/_testbed/sandboxes")
    async def list_sandboxes() -> list[dict[str, Any]]:
        return _sandboxes(engine)

    @users.get("/_testbed/logs/{function}")
    async def function_logs(
        function: str, limit: Annotated[int, Query(ge=1, le=10_000)] = 200
    ) -> PlainTextResponse:
        if f"{function}:$LATEST" not in engine.functions:
            raise HTTPException(404, f"No function is called {function}.")
        return PlainTextResponse("".join(f"{line}\n" for line in logs.tail(function, limit)))

    @users.post("/_testbed/recycle/{function}")
    async def recycle(function: str) -> dict[str, Any]:
        if all(configured.name != function for configured in engine.functions.values()):
            raise HTTPException(404, f"No function is called {function}.")
        return {"function": function, "sandboxes": engine.recycle(function)}

    return everyone, users


def _refusal_of(sandboxes: SandboxClients) -> Callable[[Request], Awaitable[None]]:
    async def refuse(request: Request) -> None:
        if await sandboxes.include(request.scope):
            raise HTTPException(403, "The testbed's own pages are closed to sandboxes.")

    return refuse


def _sandboxes(engine: Engine) -> list[dict[str, Any]]:
    now = engine.now()
    return [
        {
            "id": sandbox.id,
            "function": sandbox.function.name,
            "state": sandbox.state.name.lower(),
            "age_s": round(now - sandbox.created_at, 3),
            "idle_s": round(now - sandbox.idle_since, 3)
            if sandbox.state is SandboxState.IDLE
            else None,
            "memory_mb": sandbox.function.memory_mb,
            **_memory(engine.memory(sandbox.id)),
        }
        for sandbox in engine.sandboxes.values()
    ]


def _memory(counters: MemoryCounters | None) -> dict[str, int | None]:
    """Returns a sandbox's memory as it is now, its faults since its start; None where unknown."""
    if counters is None:
        return dict.fromkeys(("anonymous_mb", "cache_mb", "major_faults", "refaults"))
    return {
        "anonymous_mb": mebibytes(counters.anonymous),
        "cache_mb": mebibytes(counters.cache),
        "major_faults": counters.major_faults,
        "refaults": counters.refaults,
    }
