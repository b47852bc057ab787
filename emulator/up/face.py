"""Builds the HTTP face of one emulator out of its parts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from emulator.api.app import Face, create_app
from emulator.api.control.downloads import downloads
from emulator.api.invoke.directory import FunctionDirectory
from emulator.api.network import Network
from emulator.api.operations import all_operations
from emulator.api.peers import SandboxClients
from emulator.core.load_balancer import target_of
from emulator.core.network_paths import NO_NETWORK, PATHS
from emulator.core.routes import RouteTable
from emulator.live.store.apis import ApiStore

if TYPE_CHECKING:
    from emulator.api.app import Gateway
    from emulator.config import Settings
    from emulator.core.apis import Api
    from emulator.sam import template
    from emulator.up.parts import Ground, Parts


async def app_of(ground: Ground, parts: Parts, loaded: template.Template, port: int) -> Gateway:
    """Returns the app of an emulator that serves a template's APIs, and listens on a port."""
    settings, backend = ground.settings, ground.backend
    secret = "" if parts.companion is None else parts.companion.secret
    sandboxes = SandboxClients.dialling(backend.runtime_api_host, secret)
    store = ApiStore(ground.database)
    return create_app(
        Face(
            parts.engine,
            RouteTable(()),
            apis=await _apis(loaded, store),
            api_store=store,
            port=port,
            profile=ground.profile,
            backend=backend.name,
            logs=parts.logs,
            metrics=parts.metrics,
            others=parts.others,
            sandboxes=sandboxes,
            network=_network(settings, sandboxes),
            registry=all_operations(parts.control, parts.watch, parts.eventing),
            directory=FunctionDirectory(parts.functions.targets, parts.functions.home),
            urls=parts.functions.urls,
            code=downloads(parts.control),
            watch=parts.watch,
            events=parts.eventing.queue,
            targets=[target_of(text) for text in settings.alb],
            gatekeeper=None if parts.authority is None else parts.authority.gatekeeper,
        )
    )


async def _apis(loaded: template.Template, store: ApiStore) -> list[Api]:
    """Returns the template's APIs, and those that clients have put there before."""
    own = {api.id for api in loaded.apis}
    return [*loaded.apis, *(api for api in await store.load() if api.id not in own)]


def _network(settings: Settings, sandboxes: SandboxClients) -> Network | None:
    """Returns what lies between clients and functions; None where nothing does."""
    if settings.network == NO_NETWORK:
        return None
    # a chance of its own, so that sandboxes live as long as they would without a network
    chance = random.Random(f"{settings.seed}:network")  # noqa: S311  # jitter is no secret
    return Network(
        PATHS[settings.network],
        chance,
        sandboxes,
        dilation=settings.dilation,
        idle_speedup=settings.idle_speedup,
    )
