"""Serves the testbed's own pages: health for everyone; metrics, sandboxes and logs for users.

Knows what to show; who invokes what is the other routes'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import PlainTextResponse
from starlette.requests import Request  # noqa: TC002  # FastAPI reads annotations

from emulator.api.cloudwatch.log_pages import Wanted, following_lines, log_lines
from emulator.api.page_errors import refused
from emulator.core.model import SandboxState
from emulator.host.cgroup_files import mebibytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.api.peers import SandboxClients
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.cloudwatch import CloudWatch
    from emulator.live.engine import Engine
    from emulator.telemetry.log_store import Logs
    from emulator.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Health:
    """Holds what the emulator says of itself."""

    status: str
    backend: str
    profile: str


@dataclass(frozen=True, slots=True)
class SandboxRow:
    """Holds a sandbox as it is now; what the kernel counts of its memory is None where unknown."""

    id: int
    function: str
    state: str
    age_s: float
    idle_s: float | None
    """None while the sandbox is not idle."""
    memory_mb: int
    anonymous_mb: int | None
    cache_mb: int | None
    major_faults: int | None
    """Since the sandbox's start."""
    refaults: int | None
    """Since the sandbox's start."""


CLOSED = refused(403, "The page is closed to sandboxes.")
_NO_FUNCTION = refused(404, "No function has this name.") | refused(400, "No filter pattern.")


def own_routes(
    engine: Engine,
    *,
    backend: str,
    profile: str,
    logs: Logs,
    metrics: Metrics,
    sandboxes: SandboxClients,
    watch: CloudWatch | None = None,
) -> tuple[APIRouter, APIRouter]:
    """Returns the routes that are open to every client, and those that are closed to sandboxes.

    Logs are read from the disk where `watch` keeps them, else from memory.
    """
    everyone = APIRouter()
    users = APIRouter(dependencies=[Depends(refusal_of(sandboxes))], responses=CLOSED)

    @everyone.get("/healthz")
    async def healthz() -> Health:
        """Says that the emulator serves."""
        return Health("ok", backend, profile)

    @users.get("/metrics", response_class=PlainTextResponse)
    async def prometheus() -> Response:
        """Returns the metrics in the text format of Prometheus."""
        body, content_type = metrics.render()
        return Response(body, media_type=content_type)

    @users.get("/_testbed/sandboxes")
    async def list_sandboxes() -> list[SandboxRow]:
        """Returns every sandbox that is not gone."""
        return _sandboxes(engine)

    @users.get(
        "/_testbed/logs/{function}", response_class=PlainTextResponse, responses=_NO_FUNCTION
    )
    async def function_logs(
        function: str,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
        pattern: Annotated[str, Query(max_length=1024)] = "",
    ) -> Response:
        """Returns the last lines of a function's log, those that a filter pattern matches."""
        if watch is not None:
            return await log_lines(engine, watch, function, Wanted(limit, pattern))
        if f"{function}:$LATEST" not in engine.functions:
            raise HTTPException(404, f"No function is called {function}.")
        return PlainTextResponse("".join(f"{line}\n" for line in logs.tail(function, limit)))

    if watch is not None:
        users.include_router(_following(engine, watch))

    return everyone, users


def _following(engine: Engine, watch: CloudWatch) -> APIRouter:
    """Returns the route whose answer does not end, which no description of the pages has."""
    router = APIRouter(include_in_schema=False)

    @router.get("/_testbed/logs/{function}/following")
    async def function_logs_and_those_to_come(
        function: str,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
        pattern: Annotated[str, Query(max_length=1024)] = "",
    ) -> Response:
        return await following_lines(engine, watch, function, Wanted(limit, pattern))

    return router


def refusal_of(sandboxes: SandboxClients) -> Callable[[Request], Awaitable[None]]:
    """Returns what refuses requests of sandboxes, as a dependency of routes."""

    async def refuse(request: Request) -> None:
        if await sandboxes.include(request.scope):
            raise HTTPException(403, "The testbed's own pages are closed to sandboxes.")

    return refuse


def _sandboxes(engine: Engine) -> list[SandboxRow]:
    now = engine.now()
    return [
        SandboxRow(
            id=sandbox.id,
            function=sandbox.function.name,
            state=sandbox.state.name.lower(),
            age_s=round(now - sandbox.created_at, 3),
            idle_s=round(now - sandbox.idle_since, 3)
            if sandbox.state is SandboxState.IDLE
            else None,
            memory_mb=sandbox.function.memory_mb,
            **_memory(engine.memory(sandbox.id)),
        )
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
