"""Serves the code of functions and layers to whoever has a link that was made here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse

from emulator.api.control.links import PATH
from emulator.core.function_names import NameFault, named_by_arn
from emulator.live.functions.folders import zipped

if TYPE_CHECKING:
    from emulator.api.control.collaborators import Control

_ZIP = "application/zip"


def downloads(control: Control) -> APIRouter:
    """Returns the route of the links."""
    router = APIRouter()

    @router.get(f"{PATH}{{name}}", response_class=Response)
    async def download(name: str, expires: str = "", signature: str = "") -> Response:
        if not control.links.allows(name, expires, signature):
            raise HTTPException(403, "This link has ended, or was made by another emulator.")
        if name.startswith("arn:"):
            return Response(await _folder(control, name), media_type=_ZIP)
        file = control.archives.file(name)
        if not await asyncio.to_thread(file.is_file):
            raise HTTPException(404, "The code has been deleted.")
        return FileResponse(file, media_type=_ZIP)

    return router


async def _folder(control: Control, arn: str) -> bytes:
    """Returns a zip of the folder of a template's function."""
    try:
        version = control.catalog.find(named_by_arn(arn))
    except NameFault as fault:
        raise HTTPException(404, str(fault)) from fault
    return await asyncio.to_thread(zipped, Path(version.code.folder))
