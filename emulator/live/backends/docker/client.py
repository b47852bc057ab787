"""The connection to a Docker engine: the SDK's client in threads of ours, streams on the loop.

It owns every thread, connection and task of the Docker backend and knows nothing of sandboxes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import docker
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env, parse_host
from requests.exceptions import RequestException

from emulator.errors import BackendUnavailableError
from emulator.live.backends.docker.streams import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import IO

    from docker.tls import TLSConfig

log = logging.getLogger(__name__)
T = TypeVar("T")

CALL_TIMEOUT = 30
"""Seconds that the engine may be silent in a call; its own longest wait, for a kill, is 10."""
_CONNECT_TIMEOUT = 5
_START_THREADS = 8
_CHORE_THREADS = 4
_NOT_FOUND = 404
_ANSWERS = range(100, 400)


class EngineError(Exception):
    """The engine refused a call, or did not answer; the message is its own sentence."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """HTTP's; 0 where no answer came."""

    @property
    def missing(self) -> bool:
        return self.status == _NOT_FOUND


class DockerEngine:
    """Use from one event loop. `connect` first, `close` last."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._settings = kwargs_from_env(environ)
        self._tls: TLSConfig | None = self._settings.get("tls")
        self.address = self._settings.get("base_url") or _default_address()
        """As DOCKER_HOST names it."""
        self._client: docker.APIClient | None = None
        # two pools, so that no start waits behind removals
        self._starts = ThreadPoolExecutor(_START_THREADS, "docker-start")
        self._chores = ThreadPoolExecutor(_CHORE_THREADS, "docker")
        self._tasks: set[asyncio.Task[Any]] = set()

    async def connect(self) -> None:
        """Finds the engine and settles on a version of its API.

        Raises:
            BackendUnavailableError: none answers, or its address is of a kind that has no streams.
        """
        if self._client is not None:
            return
        try:
            url = str(parse_host(self.address, sys.platform == "win32", tls=bool(self._tls)))
            self.url = urlsplit(url)
            if self.url.scheme == "ssh":
                raise BackendUnavailableError(
                    f"The Docker engine's address {self.address} cannot be used, only unix:// "
                    "and tcp:// can."
                )
            probe = Exchange(lambda _: None)
            await self._connection(probe)  # the SDK leaves a socket open where nobody answers
            probe.close()
            loop = asyncio.get_running_loop()
            self._client = await loop.run_in_executor(self._chores, self._new_client)
        except (DockerException, RequestException, OSError) as error:
            why = " (permission denied)" if isinstance(error, PermissionError) else ""
            sentence = f"No Docker engine answers at {self.address}{why}."
            raise BackendUnavailableError(sentence) from error

    def _new_client(self) -> docker.APIClient:
        pool = _START_THREADS + _CHORE_THREADS
        client = docker.APIClient(
            version="auto", timeout=_CONNECT_TIMEOUT, max_pool_size=pool, **self._settings
        )
        client.timeout = CALL_TIMEOUT
        # spares each call a look for proxies and passwords that a socket file has no use for
        client.trust_env = "unix" not in self.url.scheme
        return client

    async def call(self, call: Callable[[Any], T], *, urgent: bool = False) -> T:
        """One blocking call of the SDK in a thread; a cancelled one still takes place.

        Raises:
            EngineError
        """
        assert self._client is not None, "connect first"
        threads = self._starts if urgent else self._chores
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, call, self._client)
        except APIError as error:
            said = error.explanation
            sentence = said.decode(errors="replace") if isinstance(said, bytes) else said
            raise EngineError(sentence or str(error), error.status_code or 0) from error
        except (DockerException, RequestException, OSError) as error:
            raise EngineError(f"the engine at {self.address} does not answer: {error}") from error

    async def exchange(
        self,
        request: str,
        query: Mapping[str, str],
        on_body: Callable[[bytes], None],
        *,
        headers: Mapping[str, str] | None = None,
        body: IO[bytes] | None = None,
        patience: float | None = CALL_TIMEOUT,
    ) -> Exchange:
        """Sends `METHOD /path` on a connection of its own; returns when the answer began.

        `patience` is for how many seconds that may take.

        Raises:
            EngineError
        """
        exchange = Exchange(on_body)
        try:
            async with asyncio.timeout(patience):
                await self._connection(exchange)
                await exchange.send(self._head(request, query, headers or {}, body), body)
                status = await exchange.answered
                if status in _ANSWERS:
                    return exchange
                await exchange.ended
        except BaseException as error:
            exchange.close()
            if isinstance(error, OSError):
                why = f"the engine at {self.address} does not answer: {error}"
                raise EngineError(why) from error
            raise
        exchange.close()
        raise EngineError(self._refusal(exchange), status)

    def _head(
        self,
        request: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: IO[bytes] | None,
    ) -> bytes:
        assert self._client is not None, "connect first"
        method, path = request.split(" ", 1)
        size = os.fstat(body.fileno()).st_size if body is not None else 0
        fields = {"Host": "docker", "Content-Length": str(size)} | dict(headers)
        lines = [f"{method} /v{self._client.api_version}{quote(path)}?{urlencode(query)} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _refusal(self, exchange: Exchange) -> str:
        try:
            return str(json.loads(exchange.refusal)["message"])
        except (ValueError, KeyError, TypeError):
            return exchange.refusal.decode(errors="replace") or f"{self.address} hung up"

    async def _connection(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            if self.url.scheme == "http+unix":
                path = self.url.netloc + self.url.path
                await loop.create_unix_connection(lambda: exchange, path)
            elif self.url.scheme == "npipe":
                pipe = (self.url.netloc + self.url.path).replace("/", "\\")
                # only Windows' loop has it
                await loop.create_pipe_connection(lambda: exchange, pipe)  # type: ignore[attr-defined]
            else:
                host, port = self.url.hostname or "localhost", self.url.port or 0
                context = _tls_context(self._tls) if self._tls else None
                await loop.create_connection(lambda: exchange, host, port, ssl=context)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # a refusal is somebody's who awaits the task; all else is a defect
            level = logging.DEBUG if isinstance(error, EngineError) else logging.ERROR
            log.log(level, "a task of the Docker backend failed", exc_info=error)

    async def close(self, patience: float) -> None:
        """Waits for the tasks under way, at most `patience` seconds, and hangs up."""
        if tasks := list(self._tasks):
            _, late = await asyncio.wait(tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._starts.shutdown(wait=False, cancel_futures=True)
        self._chores.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()


def _default_address() -> str:
    windows = sys.platform == "win32"
    return "npipe:////./pipe/docker_engine" if windows else "unix:///var/run/docker.sock"


def _tls_context(tls: TLSConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_cert)
    if not tls.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if tls.cert:
        context.load_cert_chain(*(str(Path(part)) for part in tls.cert))
    return context
