"""Sends the requests that Locust does not send: warm-up, and pings that keep sandboxes warm.

Owns how an answer becomes a client row. Does not know cells: the caller says what to post where.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import httpx

from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError, TestbedError
from emulator.experiments.records.client_rows import ClientRow, append_client_rows

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.scenarios import Ping

PING_USERS = 0
"""User count in the row of a ping."""
_RECORDS = 4
"""Records in a batch, as in the locustfiles."""
_LONGEST_ERROR = 300
"""Characters of an answer that stand in a row."""
_LAST_PING_WITHIN = 30.0
"""Seconds to wait for the answers to the last pings."""


class Asker:
    """Posts one body to one path of an emulator, as often as it is asked to."""

    def __init__(self, url: str, path: str, body: bytes, timeout: float) -> None:
        self._url = url
        self._path = path
        self._body = body
        self._client = httpx.Client(timeout=timeout, headers={"Content-Type": "application/json"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, users: int) -> ClientRow:
        """Sends one request, awaits its answer and returns its row; a failure stands in the row."""
        start, begun = time.time(), time.perf_counter()
        try:
            response = self._client.post(self._url + self._path, content=self._body)
        except httpx.HTTPError as problem:
            status, headers, error = 0, httpx.Headers(), f"no answer: {problem!r}"
        else:
            status, headers = response.status_code, response.headers
            wrong = headers.get("x-amz-function-error", "")
            good = status == httpx.codes.OK and not wrong
            error = "" if good else f"{wrong or f'status {status}'}: {response.text}"
        kind = headers.get("x-testbed-start")
        return ClientRow(
            request_id=headers.get("x-testbed-request-id", ""),
            start=start,
            latency_ms=(time.perf_counter() - begun) * 1000,
            status=status,
            start_kind=StartKind(kind) if kind else None,
            sandbox=headers.get("x-testbed-sandbox", ""),
            users=users,
            path=self._path,
            error=" ".join(error.split())[:_LONGEST_ERROR],
        )


def kdd99_batch(records: Path) -> bytes:
    """Returns the body of the locustfiles' first request.

    Raises:
        TestbedError: the file of records cannot be read: an experiment runs in a checkout.
    """
    try:
        content = json.loads(records.read_text(encoding="utf-8"))
        return json.dumps({"records": content["records"][:_RECORDS]}).encode()
    except (OSError, ValueError, KeyError) as error:
        raise TestbedError(
            f"Experiments run in a checkout or where the sample project is installed; {records} "
            f"cannot be read: {error}"
        ) from error


class Pinging:
    """Sends pings on schedule while the context lasts, and writes a row for each.

    `slower` is real seconds for each second of the emulator's idle time. The first ping comes
    after one period: before that the load itself has started what there is to keep warm.
    """

    def __init__(self, asker: Asker, ping: Ping, rows: Path, slower: float) -> None:
        self._asker = asker
        self._ping = ping
        self._rows = rows
        self._period = ping.every_minutes * 60 * slower
        self._over = threading.Event()
        self._unwritten: RunDirectoryError | None = None
        self._thread = threading.Thread(target=self._run, name="keep-warm pings", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the pings.

        Raises:
            RunDirectoryError: rows could not be written; unless something else went wrong.
        """
        self._over.set()
        # a ping under way ends with its answer, or with its emulator
        self._thread.join(_LAST_PING_WITHIN if kind is None else 0)
        if self._unwritten is not None and kind is None:
            raise self._unwritten

    def _run(self) -> None:
        try:
            self._ping_until_over()
        except RunDirectoryError as error:
            self._unwritten = error

    def _ping_until_over(self) -> None:
        parallel = self._ping.parallel
        due = time.monotonic() + self._period
        with ThreadPoolExecutor(parallel) as pool:
            while not self._over.wait(max(0.0, due - time.monotonic())):
                rows = list(pool.map(self._asker.ask, [PING_USERS] * parallel))
                append_client_rows(self._rows, rows)
                due += self._period
