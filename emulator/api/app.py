"""The gateway's ASGI app: hands each request to the first route that takes it.

Routes that invoke are plain ASGI, where a microsecond counts; FastAPI serves the testbed's own
pages. Knows the order of the routes, and nothing of what they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fastapi import APIRouter, FastAPI

from emulator import __version__
from emulator.api.auth.closed_pages import ClosedPages
from emulator.api.auth.gatekeeper import guarded
from emulator.api.companion.route import SignedRoute
from emulator.api.doors import ApiDoors, api_pages
from emulator.api.function_url.route import FunctionUrlRoute
from emulator.api.http_api.route import not_found
from emulator.api.invoke.directory import DeployedDirectory
from emulator.api.invoke.route import InvokeRoute
from emulator.api.invoke.stream_route import ResponseStreamRoute
from emulator.api.load_balancer.route import LoadBalancerRoute
from emulator.api.own_routes import own_routes
from emulator.api.peers import SandboxClients
from emulator.api.recycling import recycling_page
from emulator.api.services.route import ServicesRoute
from emulator.core.apis import HttpApi
from emulator.core.network_path import WayIn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.auth.gatekeeper import Gatekeeper
    from emulator.api.companion.route import OtherServices
    from emulator.api.invoke.directory import Directory
    from emulator.api.network import Network
    from emulator.api.services.calls import Registry
    from emulator.core.apis import Api
    from emulator.core.load_balancer import Target
    from emulator.core.profile import Profile
    from emulator.core.routes import RouteTable
    from emulator.live.asynchronous.event_queue import EventQueue
    from emulator.live.cloudwatch import CloudWatch
    from emulator.live.engine import Engine
    from emulator.live.functions.urls import Urls
    from emulator.live.store.apis import ApiStore
    from emulator.telemetry.log_store import Logs
    from emulator.telemetry.metrics import Metrics


class Route(Protocol):
    def match(self, scope: Scope) -> ASGIApp | None:
        """Returns who answers this HTTP request; None where the route does not take it."""


class Gateway:
    """Serves HTTP alone; `pages` gets the requests that none of the `routes` takes."""

    def __init__(self, routes: list[Route], pages: ASGIApp, invoke: InvokeRoute | None) -> None:
        self._routes = routes
        self._pages = pages
        self.invoke = invoke
        """The first of the routes where it stands there alone, for a server without ASGI."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._routes:
            if (answer := route.match(scope)) is not None:
                await answer(scope, receive, send)
                return
        await self._pages(scope, receive, send)


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
    sandboxes: SandboxClients | None = None,
    network: Network | None = None,
    registry: Registry | None = None,
    events: EventQueue | None = None,
    directory: Directory | None = None,
    urls: Urls | None = None,
    code: APIRouter | None = None,
    apis: Iterable[Api] = (),
    api_store: ApiStore | None = None,
    targets: Iterable[Target] = (),
    watch: CloudWatch | None = None,
    gatekeeper: Gatekeeper | None = None,
) -> Gateway:
    """Returns the whole HTTP face of one emulator.

    `routes` are an HTTP API's, `apis` are others that stand in front of functions, and `targets`
    are functions behind a load balancer; `api_store` keeps the APIs that clients put there.
    `code` serves the links to functions' code.
    `directory` knows the functions that may be invoked; without it they are the engine's.
    `events` keeps asynchronous events; without it they are refused.
    `registry` has the operations of AWS's APIs that the emulator serves.
    `others` are AWS's services beside Lambda; clients of `sandboxes` see no page of the testbed's.
    `network` lies between clients and functions, and before no other page; `gatekeeper` asks all
    who call AWS's APIs, and functions that want a signature, for their rights.
    `watch` keeps the logs, and counts the requests of APIs.
    """
    pages = FastAPI(
        title="Serverless testbed",
        summary="The emulator's own pages; AWS's APIs are described by AWS's service models.",
        version=__version__,
        openapi_url="/_testbed/openapi.json",
        docs_url="/_testbed/docs",
        redoc_url=None,
    )
    for router in own_routes(
        engine,
        backend=backend,
        profile=profile.name,
        logs=logs,
        metrics=metrics,
        sandboxes=sandboxes or SandboxClients(),
        watch=watch,
    ):
        pages.include_router(router)
    if code is not None:
        pages.include_router(code)
    pages.router.default = not_found if others is None else others.fall_back
    invoke = InvokeRoute(engine, profile, events, directory)
    found = _routes(
        invoke,
        engine,
        profile,
        directory=directory,
        urls=urls,
        others=others,
        registry=registry,
        port=port,
        network=network,
        gatekeeper=gatekeeper,
    )
    balancer: Route = LoadBalancerRoute(engine, targets, profile, port, directory)
    found.append(balancer if network is None else network.before(balancer, WayIn.INVOKE))
    doors = ApiDoors(
        engine,
        profile,
        (*apis, HttpApi("testbed", routes.routes)) if routes.routes else apis,
        port=port,
        directory=directory,
        network=network,
        store=api_store,
        watch=None if watch is None else watch.gateway,
        gatekeeper=gatekeeper,
    )
    pages.include_router(api_pages(doors, sandboxes or SandboxClients()))
    known = directory or DeployedDirectory(engine)
    pages.include_router(recycling_page(engine, known, sandboxes or SandboxClients()))
    found.append(doors)
    # the short way to Invoke leads neither over a network nor past a gatekeeper
    is_short = network is None and gatekeeper is None
    closed = pages if gatekeeper is None else ClosedPages(pages)
    return Gateway(found, closed, invoke if is_short else None)


def _routes(
    invoke: InvokeRoute,
    engine: Engine,
    profile: Profile,
    *,
    directory: Directory | None,
    urls: Urls | None,
    others: OtherServices | None,
    registry: Registry | None,
    port: int,
    network: Network | None,
    gatekeeper: Gatekeeper | None,
) -> list[Route]:
    """Returns the routes in the order in which they are asked: the hottest first."""

    def distant(route: Route, way: WayIn) -> Route:
        return route if network is None else network.before(route, way)

    found = [distant(guarded(invoke, gatekeeper), WayIn.INVOKE)]
    if profile.streamed_response_limit:
        streamed = guarded(ResponseStreamRoute(engine, profile, directory), gatekeeper)
        found.append(distant(streamed, WayIn.INVOKE))
    url_route = FunctionUrlRoute(engine, profile, port, urls, gatekeeper)
    found.append(distant(url_route, WayIn.INVOKE))
    if registry is not None:
        found.append(ServicesRoute(registry, profile, gatekeeper=gatekeeper))
    if others is not None:
        found.append(SignedRoute(others))
    return found
