"""Serves the code of functions and layers to whoever has a link that was made here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse

from emulator.api.control.links import PATH
from emulator.api.page_errors import refused
from emulator.core.function_names import NameFault, named_by_arn
from emulator.live.functions.folders import zipped

if TYPE_CHECKING:
    from emulator.api.control.collaborators import Control

_ZIP = "application/zip"
_REFUSALS = {
    200: {"description": "The code, as a zip.", "content": {_ZIP: {}}},
    **refused(403, "The link has ended, or was made by another emulator."),
    **refused(404, "The code has been deleted."),
}


def downloads(control: Control) -> APIRouter:
    """Returns the route of the links."""
    router = APIRouter()

    @router.get(f"{PATH}{{name}}", response_class=FileResponse, responses=_REFUSALS)
    async def download(name: str, expires: str = "", signature: str = "") -> Response:
        """Returns the code of a function or of a layer."""
        if not control.links.allows(name, expires, signature):
            raise HTTPException(403, "This link has ended, or was made by another emulator.")
        if name.startswith("arn:"):
            return Response(await _folder(control, name), media_type=_ZIP)
        if (content := await control.archives.content(name)) is not None:
            return Response(content, media_type=_ZIP)
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
