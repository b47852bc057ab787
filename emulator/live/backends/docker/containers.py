"""Calls the Engine API about containers, by container name or id.

Every function raises EngineError where the engine refuses or does not answer, unless its
docstring says otherwise. Source of the paths: Docker Engine API, "Containers".
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from emulator.live.backends.docker.client import EngineError, Lane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.docker.client import DockerEngine

log = logging.getLogger(__name__)

LABEL = "serverless-testbed.instance"
"""The label whose value says which emulator made a container."""
KIND_LABEL = "serverless-testbed.kind"
"""The label whose value says what a container is for."""
_CONFLICT = 409


async def create_container(
    engine: DockerEngine, body: Mapping[str, Any], name: str = "", *, lane: Lane = Lane.CHORE
) -> str:
    """Returns the id of the container that `body` describes."""
    query = {"name": name} if name else {}
    made = await engine.call("POST /containers/create", query, body, lane=lane)
    return str(made["Id"])


async def start_container(engine: DockerEngine, name: str, *, lane: Lane = Lane.CHORE) -> None:
    """Starts a container that was created.

    Raises:
        EngineError: The container is gone, or its first process cannot be started.
    """
    await engine.call(f"POST /containers/{name}/start", lane=lane)


async def inspect_container(
    engine: DockerEngine, name: str, *, lane: Lane = Lane.CHORE
) -> dict[str, Any]:
    """Returns all that the engine tells of a container (ContainerInspect).

    Raises:
        EngineError: There is no container of the name (`missing`), or the engine does not answer.
    """
    found: dict[str, Any] = await engine.call(f"GET /containers/{name}/json", lane=lane)
    return found


async def is_running(engine: DockerEngine, name: str) -> bool:
    """Returns whether the container is there and lives; True where the engine does not say."""
    try:
        return bool((await inspect_container(engine, name))["State"]["Running"])
    except EngineError as error:
        return not error.missing


async def list_containers(engine: DockerEngine, *labels: str) -> dict[str, tuple[str, str]]:
    """Returns the id and the state of each container with these labels, by its name."""
    filters = {"label": list(labels)}
    query = {"all": "1", "filters": json.dumps(filters)}
    found = await engine.call("GET /containers/json", query)
    return {one["Names"][0].lstrip("/"): (one["Id"], one["State"]) for one in found}


async def update_container(engine: DockerEngine, name: str, resources: Mapping[str, int]) -> None:
    """Changes a container's limits (ContainerUpdate's members, memory in bytes).

    Raises:
        EngineError: The container is gone, or the engine cannot set such limits.
    """
    await engine.call(f"POST /containers/{name}/update", body=resources, lane=Lane.START)


async def signal_container(engine: DockerEngine, name: str, signal: str) -> None:
    """Sends a signal to the container's first process."""
    await engine.call(f"POST /containers/{name}/kill", {"signal": signal}, lane=Lane.START)


async def remove_container(engine: DockerEngine, name: str) -> bool:
    """Kills and removes a container; never raises.

    Returns:
        Whether the container is certainly gone.
    """
    try:
        await engine.call(f"DELETE /containers/{name}", {"v": "1", "force": "1"})
    except EngineError as error:
        if error.status == _CONFLICT:  # somebody else is removing it
            log.debug("The container %s is being removed already: %s", name, error)
        elif not error.missing:
            log.warning("The container %s could not be removed: %s", name, error)
        return error.missing
    return True
