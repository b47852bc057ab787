"""Shared by the locustfiles: real records, a checked request, and a raw row for each request.

Settings are environment variables, so that Locust's own options stay free:

    PREDICT_PATH          where to post                                   (/predict)
    PREDICT_BATCH         records in one request                          (4)
    TESTBED_RECORDS       JSON file with `records` to draw from   (functions/kdd99/records.json)
    TESTBED_PAYLOAD       JSON file to post as it is, in place of records
    TESTBED_CLIENT_ROWS   CSV file to which rows are appended             (clients.csv)
    DILATION              how many times slower than life the emulator runs (1): pauses, steps
                          and timeouts are stretched alike, rows tell real time
    INVOCATION_TYPE       `Event`: requests are asynchronous, and right where the answer is 202;
                          PREDICT_PATH is then that of Lambda's Invoke    (RequestResponse)
    PAGE_CACHE            `cold`: idle.py and constant.py drop this machine's page cache before each
                          request, which takes root                       (hot)

Rows are the raw data of a run; every percentile and chart is made from them later. A locustfile
knows the emulator by its HTTP address alone, and imports nothing of its package.
"""

from __future__ import annotations

import csv
import fcntl
import json
import math
import os
import time
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from io import StringIO
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from locust import FastHttpUser, events

RECORDS = Path(__file__).resolve().parent.parent / "functions" / "kdd99" / "records.json"
FIELDS_A_RECORD = 3
LONGEST_ERROR = 300
"""Characters of an answer that stand in a row."""
_JSON = {"Content-Type": "application/json"}
_EVENT = "Event"
_ACCEPTED = 202


class BadSettingError(SystemExit):
    """Ends Locust with a sentence where a setting makes no sense, in place of a traceback."""


def number(name: str, default: float, *, least: float = 0.0) -> float:
    """Reads a finite number from the environment; ends Locust where it is less than `least`."""
    text = os.environ.get(name, "")
    try:
        value = float(text) if text.strip() else default
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least:
        raise BadSettingError(f"{name} must be a number of at least {least:g}, not {text!r}.")
    return value


def speedup(name: str) -> float:
    """Reads how many times faster than the study's clock a load runs; 1 where nothing is set."""
    value = number(name, 1.0)
    if value == 0:
        raise BadSettingError(f"{name} must be above 0; 2 takes half of the time.")
    return value


def dilation() -> float:
    """Reads how many times slower than life the emulator runs; 1 where nothing is set."""
    return number("DILATION", 1.0, least=1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """Holds one request as its client saw it; the columns of the CSV file, in their order."""

    request_id: str
    start: float
    """Seconds since the epoch."""
    latency_ms: float
    status: int
    """Status of the answer; 0 where no answer came."""
    start_kind: str
    """The emulator's word for the start; empty where no sandbox took the request."""
    sandbox: str
    users: int
    """Users that ran when the request was sent; a Locust worker counts its own."""
    path: str
    error: str
    """What was wrong with the answer; empty where nothing was."""


class RowWriter:
    """Appends rows to a CSV file, each line written whole, for any number of writers at once."""

    HEADER = tuple(field.name for field in fields(Row))

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._path = path
        self._failed = False
        try:
            self._file = path.open("a", buffering=1, encoding="utf-8", newline="")
        except OSError as error:
            raise BadSettingError(
                f"Rows cannot be written to {path} ({error.strerror}); "
                "TESTBED_CLIENT_ROWS names another file."
            ) from error
        # Locust's workers are processes of their own that open the same file
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if self._file.tell() == 0:
                self._write(self.HEADER)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def add(self, row: Row) -> None:
        self._write(
            (row.request_id, f"{row.start:.6f}", f"{row.latency_ms:.3f}", *astuple(row)[3:])
        )

    def close(self) -> None:
        with self._lock, suppress(OSError):  # what cannot be written has ended Locust already
            self._file.close()

    def _write(self, values: tuple[object, ...]) -> None:
        """Writes one line; a run whose rows are not all written would give wrong figures."""
        line = StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        with self._lock:
            if self._file.closed or self._failed:
                return
            try:
                self._file.write(line.getvalue())
            except OSError as error:
                self._failed = True
                raise BadSettingError(
                    f"{self._path} can no longer be written: {error.strerror}."
                ) from error


def drop_page_cache(switch: Path = Path("/proc/sys/vm/drop_caches")) -> None:
    """Drops the page cache, so that the next start reads its files from the disk.

    Source: the kernel's sysctl/vm.rst.
    """
    try:
        switch.write_text("3", encoding="ascii")
    except OSError as error:
        raise BadSettingError(f"The page cache cannot be dropped: {error}") from error


class Batches:
    """Takes batches of real records, in the order of their file and around again."""

    def __init__(self, records: list[list[float]], size: int) -> None:
        self._records = records
        self._size = size
        self._next = count()

    def take(self) -> list[list[float]]:
        first = next(self._next) * self._size
        return [self._records[(first + i) % len(self._records)] for i in range(self._size)]


def read_records(path: Path) -> list[list[float]]:
    """Reads the records of a JSON file; ends Locust where there are none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettingError(f"No records can be read from {path}: {error}") from error
    records = content.get("records") if isinstance(content, dict) else None
    if not records or any(len(record) != FIELDS_A_RECORD for record in records):
        raise BadSettingError(
            f'{path} has no "records": a list of [duration, src_bytes, dst_bytes] is expected.'
        )
    return records


def read_payload(name: str) -> str | None:
    """Reads a file that must be JSON, and returns its text; None where no file is named."""
    if not name:
        return None
    try:
        payload = Path(name).read_text(encoding="utf-8")
        json.loads(payload)
    except (OSError, ValueError) as error:
        raise BadSettingError(f"No JSON can be read from {name}: {error}") from error
    return payload


def complaint(status: int, text: str | None, wanted: int) -> str:
    """Says what is wrong with an answer to `wanted` records; empty where nothing is."""
    if status == 0:
        return "no answer"
    if status != 200:  # noqa: PLR2004  # HTTP's own number
        return f"status {status}: {(text or '').strip()}"[:LONGEST_ERROR]
    try:
        predictions = json.loads(text or "")["predictions"]
        got = len(predictions)
    except (ValueError, KeyError, TypeError):
        return f"the answer has no predictions: {text}"[:LONGEST_ERROR]
    return "" if got == wanted else f"{got} predictions for {wanted} records"


def function_complaint(status: int, text: str | None, function_error: str | None) -> str:
    """Says what is wrong with an answer whose content only its function knows."""
    if status == 0:
        return "no answer"
    if status != 200 or function_error:  # noqa: PLR2004
        return f"{function_error or f'status {status}'}: {(text or '').strip()}"[:LONGEST_ERROR]
    return ""


def event_complaint(status: int, text: str | None) -> str:
    """Says what is wrong with an answer to an event, which is to be queued; empty for nothing."""
    if status == 0:
        return "no answer"
    return "" if status == _ACCEPTED else f"status {status}: {(text or '').strip()}"[:LONGEST_ERROR]


class _Run:
    """Holds what all users of this process share, from Locust's start until it quits."""

    path: str
    batches: Batches
    payload: str | None
    rows: RowWriter
    cold_cache: bool
    events: bool
    headers: dict[str, str]


@events.init.add_listener
def _open(environment: Any, **_: object) -> None:
    size = number("PREDICT_BATCH", 4, least=1)
    _Run.path = os.environ.get("PREDICT_PATH") or "/predict"
    if not _Run.path.startswith("/"):
        raise BadSettingError(f"PREDICT_PATH must begin with a slash, not {_Run.path!r}.")
    _Run.payload = read_payload(os.environ.get("TESTBED_PAYLOAD", ""))
    _Run.cold_cache = os.environ.get("PAGE_CACHE", "") == "cold"
    _Run.events = os.environ.get("INVOCATION_TYPE", "") == _EVENT
    _Run.headers = _JSON | ({"X-Amz-Invocation-Type": _EVENT} if _Run.events else {})
    records = read_records(Path(os.environ.get("TESTBED_RECORDS") or RECORDS))
    _Run.batches = Batches(records, int(size))
    _Run.rows = RowWriter(Path(os.environ.get("TESTBED_CLIENT_ROWS") or "clients.csv"))
    if not environment.stop_timeout:
        # what is under way at the end are often the slowest requests: they are waited for
        environment.stop_timeout = PredictUser.network_timeout


@events.quit.add_listener
def _close(**_: object) -> None:
    if hasattr(_Run, "rows"):
        _Run.rows.close()


class PredictUser(FastHttpUser):
    """Sends requests in a closed loop: the next one only after the answer to the last one."""

    abstract = True
    host = "http://127.0.0.1:8000"
    connection_timeout = 5.0
    network_timeout = 100.0 * dilation()
    """Seconds for a first start from a cold disk and the study's slowest functions."""

    dropping_took = 0.0
    """Seconds that the last drop of the page cache took."""

    def forget_files(self) -> None:
        """Drops the page cache before a request, where the cell wants the cache cold."""
        if _Run.cold_cache:
            begun = time.monotonic()
            drop_page_cache()
            self.dropping_took = time.monotonic() - begun

    def predict(self, users: int | None = None) -> Row:
        """Posts one batch or the payload, tells Locust whether the answer is right, writes the row.

        `users` stands in the row; None: as many as Locust runs.
        """
        batch = _Run.batches.take() if _Run.payload is None else []
        body = _Run.payload or json.dumps({"records": batch})
        running = self.environment.runner.user_count if users is None else users
        with self.client.post(
            _Run.path, data=body, headers=_Run.headers, name=_Run.path, catch_response=True
        ) as response:
            if _Run.events:
                error = event_complaint(response.status_code, response.text)
            elif _Run.payload is None:
                error = complaint(response.status_code, response.text, len(batch))
            else:
                failed = (response.headers or {}).get("x-amz-function-error")
                error = function_complaint(response.status_code, response.text, failed)
            if response.status_code == 0:
                error = f"no answer: {response.error!r}"[:LONGEST_ERROR]
            if error:
                response.failure(error)
            else:
                response.success()
        headers = response.headers or {}
        row = Row(
            request_id=headers.get("x-testbed-request-id")
            or (headers.get("x-amzn-requestid") if _Run.events else "")
            or "",
            start=response.request_meta["start_time"],
            latency_ms=response.request_meta["response_time"],
            status=response.status_code,
            start_kind=headers.get("x-testbed-start") or "",
            sandbox=headers.get("x-testbed-sandbox") or "",
            users=running,
            path=_Run.path,
            error=" ".join(error.split()),
        )
        _Run.rows.add(row)
        return row
