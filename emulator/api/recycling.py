"""Serves the page by which a user forces a cold start: `testbed recycle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, HTTPException

from emulator.api.own_routes import CLOSED, refusal_of
from emulator.api.page_errors import refused
from emulator.errors import InvalidParameterValueError, ResourceNotFoundError, ServiceError

if TYPE_CHECKING:
    from emulator.api.invoke.directory import Directory
    from emulator.api.peers import SandboxClients
    from emulator.live.engine import Engine


@dataclass(frozen=True, slots=True)
class Recycled:
    """Tells how many sandboxes a function had when all of them were told to end."""

    function: str
    sandboxes: int


def recycling_page(engine: Engine, directory: Directory, sandboxes: SandboxClients) -> APIRouter:
    """Returns the page, which is closed to sandboxes."""
    page = APIRouter(dependencies=[Depends(refusal_of(sandboxes))], responses=CLOSED)
    refusals = refused(404, "No function has this name.") | refused(
        409, "It cannot be invoked now."
    )

    @page.post("/_testbed/recycle/{function}", responses=refusals)
    async def recycle(function: str) -> Recycled:
        """Ends a function's sandboxes after their work, so that its next request starts cold."""
        words = (function, b"", b"")
        try:
            target = directory.get(words) or await directory.find(words)
        except (ResourceNotFoundError, InvalidParameterValueError) as error:
            raise HTTPException(404, str(error)) from error
        except ServiceError as error:
            raise HTTPException(409, str(error)) from error
        return Recycled(function, engine.recycle(target.key.name))

    return page
