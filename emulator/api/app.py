"""Hands each request of the gateway to the first route that takes it: the ASGI app.

Routes that invoke are plain ASGI, where a microsecond counts; FastAPI serves the testbed's own
pages. Knows the order of the routes, and nothing of what they do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fastapi import APIRouter, FastAPI

from emulator import __version__
from emulator.api.auth.closed_pages import ClosedPages
from emulator.api.auth.gatekeeper import RightsRoute, guarded
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
    from collections.abc import Iterable, Iterator

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
    """Answers HTTP requests of one kind."""

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


@dataclass(frozen=True, slots=True)
class Face:
    """Holds what the HTTP face of one emulator is made of; what is left out is not served."""

    engine: Engine
    routes: RouteTable
    """Routes of an HTTP API that has no name."""
    port: int
    profile: Profile
    backend: str
    logs: Logs
    metrics: Metrics
    others: OtherServices | None = None
    """AWS's services beside Lambda."""
    sandboxes: SandboxClients = field(default_factory=SandboxClients)
    """Addresses of clients that see no page of the testbed's."""
    network: Network | None = None
    """What lies between clients and functions, and before no other page."""
    registry: Registry | None = None
    """Operations of AWS's APIs that the emulator serves."""
    events: EventQueue | None = None
    """Keeper of asynchronous events; without a keeper these are refused."""
    directory: Directory | None = None
    """Functions that may be invoked; without a directory these are the engine's."""
    urls: Urls | None = None
    code: APIRouter | None = None
    """Links to functions' code."""
    apis: Iterable[Api] = ()
    """Further APIs that stand in front of functions."""
    api_store: ApiStore | None = None
    """Keeper of the APIs that clients put there."""
    targets: Iterable[Target] = ()
    """Functions behind a load balancer."""
    watch: CloudWatch | None = None
    """Keeper of the logs, which counts the requests of APIs as well."""
    gatekeeper: Gatekeeper | None = None
    """Asks all who call AWS's APIs, and functions that want a signature, for their rights."""


def create_app(face: Face) -> Gateway:
    """Returns the whole HTTP face of one emulator."""
    invoke = InvokeRoute(face.engine, face.profile, face.events, face.directory)
    doors = _doors(face)
    pages = _pages(face, doors)
    # the short way to Invoke leads neither over a network nor past a gatekeeper
    is_short = face.network is None and face.gatekeeper is None
    return Gateway(
        [*_routes(face, invoke), doors],
        pages if face.gatekeeper is None else ClosedPages(pages),
        invoke if is_short else None,
    )


def _doors(face: Face) -> ApiDoors:
    routes = face.routes.routes
    return ApiDoors(
        face.engine,
        face.profile,
        (*face.apis, HttpApi("testbed", routes)) if routes else face.apis,
        port=face.port,
        directory=face.directory,
        network=face.network,
        store=face.api_store,
        watch=None if face.watch is None else face.watch.gateway,
        gatekeeper=face.gatekeeper,
    )


def _pages(face: Face, doors: ApiDoors) -> FastAPI:
    """Returns the testbed's own pages, and behind these whoever answers for the rest."""
    pages = FastAPI(
        title="Serverless testbed",
        summary="The emulator's own pages; AWS's APIs are described by AWS's service models.",
        version=__version__,
        openapi_url="/_testbed/openapi.json",
        docs_url="/_testbed/docs",
        redoc_url=None,
    )
    for router in _routers(face, doors):
        pages.include_router(router)
    pages.router.default = not_found if face.others is None else face.others.fall_back
    return pages


def _routers(face: Face, doors: ApiDoors) -> Iterator[APIRouter]:
    yield from own_routes(
        face.engine,
        backend=face.backend,
        profile=face.profile.name,
        logs=face.logs,
        metrics=face.metrics,
        sandboxes=face.sandboxes,
        watch=face.watch,
    )
    if face.code is not None:
        yield face.code
    yield api_pages(doors, face.sandboxes)
    known = face.directory or DeployedDirectory(face.engine)
    yield recycling_page(face.engine, known, face.sandboxes)


def _routes(face: Face, invoke: InvokeRoute) -> Iterator[Route]:
    """Yields the routes in the order in which they are asked: the hottest first."""
    engine, profile, gatekeeper = face.engine, face.profile, face.gatekeeper
    yield _distant(face, guarded(invoke, gatekeeper))
    if profile.streamed_response_limit:
        streamed = ResponseStreamRoute(engine, profile, face.directory)
        yield _distant(face, guarded(streamed, gatekeeper))
    yield _distant(face, FunctionUrlRoute(engine, profile, face.port, face.urls, gatekeeper))
    if face.registry is not None:
        yield ServicesRoute(face.registry, profile, gatekeeper=gatekeeper)
    if gatekeeper is not None:
        yield RightsRoute(gatekeeper)
    if face.others is not None:
        yield SignedRoute(face.others)
    balancer = LoadBalancerRoute(engine, face.targets, profile, face.port, face.directory)
    yield _distant(face, balancer)


def _distant(face: Face, route: Route) -> Route:
    """Returns a route that invokes, behind the network if there is any."""
    return route if face.network is None else face.network.before(route, WayIn.INVOKE)
