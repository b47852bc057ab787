"""Serves the APIs in front of functions, which clients may put there while the emulator runs.

Owns which APIs there are and in which order they are asked; how one answers is its route's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from fastapi import APIRouter, Body, Depends, HTTPException, Path

from emulator.api.cloudwatch.watched_route import WatchedApi, WatchedRoute
from emulator.api.execute_api import UnknownApiRoute, api_url, named_api
from emulator.api.http_api.route import HttpApiRoute
from emulator.api.own_routes import CLOSED, refusal_of
from emulator.api.page_errors import refused
from emulator.api.rest_api.route import RestApiRoute
from emulator.core.api_documents import api_of, document_of
from emulator.core.apis import DEFAULT_STAGE, RestApi
from emulator.core.network_path import WayIn
from emulator.core.routes import DEFAULT
from emulator.telemetry.metric_data.gateway_metrics import ApiKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Scope

    from emulator.api.auth.gatekeeper import Gatekeeper
    from emulator.api.invoke.directory import Directory
    from emulator.api.network import Network
    from emulator.api.peers import SandboxClients
    from emulator.core.apis import Api
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine
    from emulator.live.store.apis import ApiStore
    from emulator.telemetry.metric_data.gateway_metrics import GatewayMetrics


_OWN_PAGES = "/_testbed/"
_OWN_PATHS = ("/healthz", "/metrics")
"""Pages that an API has instead where one of its routes spells the path."""


class Route(Protocol):
    """Finds who answers a request."""

    def match(self, scope: Scope) -> ASGIApp | None:
        """Returns who answers this HTTP request; None where the route does not take it."""


class ApiDoors:
    """Takes requests for APIs; stands after all other routes, since a greedy one takes anything."""

    def __init__(
        self,
        engine: Engine,
        profile: Profile,
        apis: Iterable[Api],
        *,
        port: int,
        directory: Directory | None = None,
        network: Network | None = None,
        store: ApiStore | None = None,
        watch: GatewayMetrics | None = None,
        gatekeeper: Gatekeeper | None = None,
    ) -> None:
        self._engine = engine
        self._profile = profile
        self._port = port
        self._directory = directory
        self._network = network
        self._store = store
        self._watch = watch
        self._gatekeeper = gatekeeper
        self._apis = {api.id: api for api in apis}
        self._routes: list[Route] = []
        self._arrange()

    @property
    def apis(self) -> tuple[Api, ...]:
        """Returns the APIs, in the order in which they came."""
        return tuple(self._apis.values())

    async def put(self, api: Api) -> None:
        """Serves an API from now on, in the place of an earlier one of its id."""
        if self._store is not None:
            await self._store.put(api)
        self._apis[api.id] = api
        self._arrange()

    async def remove(self, name: str) -> bool:
        """Serves an API no more; returns whether there was one."""
        if self._store is not None:
            await self._store.remove(name)
        there = self._apis.pop(name, None)
        self._arrange()
        return there is not None

    def match(self, scope: Scope) -> ASGIApp | None:
        if named_api(scope) is None and self._is_own(scope["path"]):
            return None  # a `$default` route would take the page that takes the route away
        for route in self._routes:
            if (answer := route.match(scope)) is not None:
                return answer
        return None

    def _is_own(self, path: str) -> bool:
        """Returns whether the gateway's plain address has a page of the testbed's there."""
        if path not in _OWN_PATHS:
            return path.startswith(_OWN_PAGES)
        return all(route.path != path for api in self._apis.values() for route in api.routes)

    def addresses(self, api: Api) -> list[str]:
        """Returns each route's method and address."""
        stage = "" if api.stage == DEFAULT_STAGE else f"/{api.stage}"
        address = f"{api_url(api.id, self._port)}{stage}"
        return [
            f"{DEFAULT} {address}/"
            if route.path == DEFAULT
            else f"{route.method} {address}{route.path}"
            for route in api.routes
        ]

    def _arrange(self) -> None:
        """Puts REST APIs first, whose paths begin with a stage, and what refuses the rest last."""
        ordered = sorted(self._apis.values(), key=lambda api: not isinstance(api, RestApi))
        routes = [self._route(api) for api in ordered]
        if self._network is not None:
            network = self._network
            routes = [network.before(route, WayIn.HTTP_API) for route in routes]
        self._routes = [*routes, UnknownApiRoute()]

    def _route(self, api: Api) -> Route:
        engine, profile, port = self._engine, self._profile, self._port
        known, keeper = self._directory, self._gatekeeper
        route: Route
        if isinstance(api, RestApi):
            kind = ApiKind.REST
            route = RestApiRoute(engine, api, profile, port, directory=known, gatekeeper=keeper)
        else:
            kind = ApiKind.HTTP
            route = HttpApiRoute(engine, api, profile, port, directory=known, gatekeeper=keeper)
        if self._watch is None:
            return route
        watched = WatchedApi(kind, api.id, api.stage)
        return WatchedRoute(route, watched, self._watch, self._engine.now)


@dataclass(frozen=True, slots=True)
class ServedApi:
    """Tells under which addresses an API is served."""

    id: str
    routes: list[str]
    """Method and address of each route."""


_Id = Annotated[str, Path(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


def api_pages(doors: ApiDoors, sandboxes: SandboxClients) -> APIRouter:
    """Returns the pages on which users see the APIs, put new ones and remove them."""
    pages = APIRouter(
        prefix="/_testbed/apis", dependencies=[Depends(refusal_of(sandboxes))], responses=CLOSED
    )

    @pages.get("")
    async def list_apis() -> list[dict[str, Any]]:
        """Returns every API as its document."""
        return [document_of(api) for api in doors.apis]

    # what a document may hold is told in docs/ways-in.md: a schema cannot say which routes clash
    @pages.put("/{name}", include_in_schema=False)
    async def put_api(name: _Id, document: Annotated[dict[str, Any], Body()]) -> ServedApi:
        """Serves an API from now on, in the place of an earlier one of its name."""
        try:
            api = api_of({**document, "id": name})
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        await doors.put(api)
        return ServedApi(api.id, doors.addresses(api))

    @pages.delete("/{name}", responses=refused(404, "No API has this name."))
    async def delete_api(name: _Id) -> ServedApi:
        """Serves an API no more."""
        if not await doors.remove(name):
            raise HTTPException(404, f"No API is called {name}.")
        return ServedApi(name, [])

    return pages
