"""Listens for the gateway, serves it and says under which addresses."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from typing import TYPE_CHECKING

from emulator.api.function_url.route import function_url
from emulator.api.load_balancer.route import load_balancer_url
from emulator.api.server import GatewayServer, gateway_config
from emulator.config import Auth
from emulator.core.apis import DEFAULT_STAGE
from emulator.core.load_balancer import target_of
from emulator.deploy.deployer import Deployer
from emulator.deploy.services import Services
from emulator.errors import SettingsError, TestbedError
from emulator.live.listeners import listener_at
from emulator.live.store.root_key import root_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from emulator.api.app import Gateway
    from emulator.config import Settings
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.eventing import Eventing
    from emulator.sam import template

_MOST_PORT = 65535


@contextlib.contextmanager
def gateway_listener(host: str, port: int) -> Iterator[socket.socket]:
    """Takes the gateway's address before any long work; nobody is let in until it serves.

    Raises:
        SettingsError: The address cannot be had.
    """
    if port > _MOST_PORT:
        raise SettingsError(f"Port {port} does not exist; the last one is {_MOST_PORT} (--port).")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"Port {port} of {host} is taken, perhaps by another `testbed up`: end it, or "
                    "name another port (--port; 0 picks a free one)."
                ) from None
            raise SettingsError(
                f"{host}:{port} cannot be listened on: {error.strerror}. Name an address of this "
                "machine (--host), and a port that this user may take (--port)."
            ) from None
        yield listener


@contextlib.contextmanager
def listeners_of(gateway: socket.socket, backend: SandboxBackend) -> Iterator[list[socket.socket]]:
    """Yields the gateway's listener and, where sandboxes reach another address, theirs after it."""
    second = listener_at(backend.runtime_api_host, gateway)
    with contextlib.closing(second) if second is not None else contextlib.nullcontext():
        yield [gateway, *([second] if second is not None else [])]


class Server(GatewayServer):
    """Runs uvicorn in our loop; signals are ours, since work remains when the server has ended."""

    def __init__(
        self,
        app: Gateway,
        run: Path,
        loaded: template.Template,
        settings: Settings,
        *,
        eventing: Eventing,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(gateway_config(app))
        self._eventing = eventing
        self._run = run
        self._say = say
        self._loaded = loaded
        self._settings = settings
        self._connection: asyncio.Future[None] | None = None
        """Makes the template's resources and triggers, while requests are served."""
        self._apis = loaded.apis
        self._functions = loaded.functions
        self._targets = [target_of(text) for text in settings.alb]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # functions may ask the gateway from now on
        await self._eventing.open()
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        address = f"http://{host}:{port}"
        self._say(f"Serving on {address}; the journal goes to {self._run}")
        for api in self._apis:
            stage = "" if api.stage == DEFAULT_STAGE else f"/{api.stage}"
            for route in api.routes:
                self._say(f"  {route.method} {address}{stage}{route.path} -> {route.function}")
        for function in self._functions:
            if function.function_url is not None:
                self._say(f"  URL {function_url(function.name, port)} -> {function.name}")
        for target in self._targets:
            url = load_balancer_url(target.function, port)
            self._say(f"  ALB {url} -> {target.function}")
        if self._loaded.resources or self._loaded.triggers:
            loop = asyncio.get_running_loop()
            self._connection = loop.run_in_executor(None, self._connect, address)

    def _connect(self, address: str) -> None:
        """Makes what the template has beside its functions, as a client of this emulator would."""
        account, region = self._settings.account, self._settings.region
        keys = (account, "any")
        if self._settings.auth is Auth.STRICT:
            root = root_key(self._settings.state_dir)
            keys = (root.access_key, root.secret_key)
        deployer = Deployer(
            Services(address, account, region, keys=keys),
            account=account,
            region=region,
            put_api=lambda _: [],
            progress=self._say,
        )
        try:
            for row in deployer.connect(self._loaded):
                self._say(f"  {row.kind} {row.name} {row.outcome}{row.at and f': {row.at}'}")
        except TestbedError as error:
            self._say(f"Not as on Lambda: the rest of the template was not made: {error}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._connection is not None:
            self._connection.cancel()
        await super().shutdown(sockets)
