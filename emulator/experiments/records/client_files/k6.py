"""Reads k6's raw results: JSON lines (`--out json=FILE`) or CSV (`--out csv=FILE`).

A point of `http_req_duration` is a request; its time is when the answer was there. The request's id
is in a tag `request_id`, which the script sets; users are the last `vus` before. Source: k6's
documentation, "Results output".
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from emulator.experiments.records.client_files.fields import Place, csv_lines, path_of, status
from emulator.experiments.records.client_rows import ClientRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

REQUEST = "http_req_duration"
USERS = "vus"
CSV_COLUMNS = frozenset({"metric_name", "timestamp", "metric_value"})
_TRUE = "true"


def read_json(path: Path) -> Iterator[ClientRow]:
    """Yields a row for each request.

    Raises:
        RunDirectoryError: a line is no metric or point; the message names the line.
    """
    users = 1
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            place = Place(path, number)
            point = _point(line, place)
            if point is None:
                continue
            metric, values = point
            if metric == USERS:
                users = int(place.number(values, "value"))
            elif metric == REQUEST:
                ended = _epoch(place.text(values, "time"), place)
                yield _row(values, ended, users, place)


def _point(line: str, place: Place) -> tuple[str, dict[str, str]] | None:
    """Returns a point's metric, and its value, time and tags; None for what is no point."""
    try:
        entry = json.loads(line)
        kind, metric = entry["type"], entry["metric"]
        if kind != "Point":
            return None
        data: dict[str, Any] = entry["data"]
        tags = {str(name): str(value) for name, value in (data.get("tags") or {}).items()}
        return str(metric), tags | {"value": str(data["value"]), "time": str(data["time"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise place.fault(f"it is no metric of k6 ({error})") from error


def _epoch(text: str, place: Place) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise place.fault(f"time must be a date and time, not {text!r}") from error


def read_csv(path: Path) -> Iterator[ClientRow]:
    """Yields a row for each request.

    Raises:
        RunDirectoryError: a line is no point; the message names the line.
    """
    users = 1
    for place, values in csv_lines(path):
        if values["metric_name"] == USERS:
            users = int(place.number(values, "metric_value"))
        elif values["metric_name"] == REQUEST:
            tags = dict(parse_qsl(values.get("extra_tags", "")))
            named = values | tags | {"value": values["metric_value"]}
            yield _row(named, place.number(values, "timestamp"), users, place)


def _row(values: Mapping[str, str], ended: float, users: int, place: Place) -> ClientRow:
    took = place.number(values, "value")
    right = values.get("expected_response", _TRUE) == _TRUE
    wrong = values.get("error") or f"status {values.get('status', '0')}"
    return ClientRow(
        request_id=values.get("request_id", ""),
        start=ended - took / 1000,
        latency_ms=took,
        status=status(values.get("status", "")),
        start_kind=place.start_kind(values.get("start_kind", "")),
        sandbox=values.get("sandbox", ""),
        users=users,
        path=path_of(values.get("url", ""), values.get("name", "")),
        error="" if right else " ".join(wrong.split()),
    )
