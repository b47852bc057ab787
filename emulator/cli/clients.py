"""Asks a running emulator over HTTP: `testbed invoke`, `ps`, `logs` and `recycle`.

Knows the emulator by its address alone, as any client does.
"""

import codecs
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import typer

from emulator.cli.options import Function, Json, Url
from emulator.cli.output import print_json, print_table
from emulator.errors import SettingsError, TestbedError, reason_of

DEFAULT_URL = "http://127.0.0.1:8000"
_OK = 200
_MISSING = "MissingAuthenticationTokenException"
_TIMEOUT = 960.0
"""Seconds: longer than the longest function, so that only a hung emulator meets the limit."""


def invoke(
    function: Function,
    *,
    url: Url = DEFAULT_URL,
    payload: Annotated[
        str,
        typer.Option(
            metavar="JSON|@FILE|-", help="Send this JSON, the file that @FILE names, or stdin (-)."
        ),
    ] = "{}",
    as_json: Json = False,
) -> int:
    """Invoke a function and print its answer."""
    body = read_payload(payload)
    path = f"/2015-03-31/functions/{quote(function, safe='/:')}/invocations"
    response = _signed_if_asked(url, path, body)
    answered = response.status == _OK
    failed = not answered or "x-amz-function-error" in response.headers
    start = response.headers.get("x-testbed-start")
    request_id = response.headers.get("x-amzn-requestid")
    if as_json:
        print_json(
            {
                "status": response.status,
                "function_error": response.headers.get("x-amz-function-error"),
                "start": start,
                "took_ms": round(response.took_ms, 3),
                "request_id": request_id,
                "sandbox": response.headers.get("x-testbed-sandbox"),
                "payload": response.decoded(),
            }
        )
        return int(failed)
    print(response.text)
    if answered:
        told = f"{start or '-'} start, {response.took_ms:.1f} ms, request {request_id or '-'}"
        print(told, file=sys.stderr)
    return int(failed)


def ps(*, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """List the sandboxes."""
    rows = _rows(_ask(url, "GET", "/_testbed/sandboxes"), url)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("ID", "FUNCTION", "STATE", "AGE", "IDLE", "MEMORY"),
        [
            (
                str(row["id"]),
                row["function"],
                row["state"],
                f"{row['age_s']:.1f} s",
                "-" if row["idle_s"] is None else f"{row['idle_s']:.1f} s",
                f"{row['memory_mb']} MB",
            )
            for row in rows
        ],
        right=("ID", "AGE", "IDLE", "MEMORY"),
    )


def logs(
    function: Function,
    *,
    url: Url = DEFAULT_URL,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Print this many of the newest lines.")
    ] = 200,
    pattern: Annotated[
        str,
        typer.Option(
            "--filter",
            metavar="PATTERN",
            help="Print lines that match this filter pattern of CloudWatch Logs, such as ERROR or "
            "'{ $.level = \"ERROR\" }'.",
        ),
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print lines as they come, until Ctrl-C.")
    ] = False,
) -> None:
    """Print what a function wrote."""
    path = f"/_testbed/logs/{quote(function, safe='')}"
    query = urlencode({"limit": limit, "pattern": pattern})
    if follow:
        _print_as_it_comes(url, f"{path}/following?{query}")
        return
    response = _ask(url, "GET", f"{path}?{query}")
    _check_answer(response)
    print(response.text, end="")


def recycle(function: Function, *, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Make a function's next request a cold start.

    Its sandboxes end after their work.
    """
    told = ask_json(url, "POST", f"/_testbed/recycle/{quote(function)}")
    if as_json:
        print_json(told)
        return
    count = told["sandboxes"]
    ending = "1 sandbox ends" if count == 1 else f"{count} sandboxes end"
    print(f"{function}: {ending}; the next start is cold.")


def read_payload(text: str) -> bytes:
    """Returns the bytes that `--payload` names: JSON itself, @FILE, or stdin for `-`.

    Raises:
        SettingsError: The bytes are no UTF-8, or the file cannot be read.
    """
    if text == "-":
        body = sys.stdin.buffer.read()
    elif text.startswith("@"):
        try:
            body = Path(text[1:]).read_bytes()
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"The payload cannot be read: {text[1:]!r}: {reason_of(error)}."
            ) from error
    else:
        body = os.fsencode(text)
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"The payload is not UTF-8: byte {error.start} is wrong.") from None
    return body


@dataclass(frozen=True, slots=True)
class _Answer:
    """Holds an emulator's answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_ms: float

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def decoded(self) -> Any:
        """Returns the body's JSON value, or the text of a body that is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return self.text


def _signed_if_asked(url: str, path: str, body: bytes) -> _Answer:
    """Posts to Lambda's API, and once more with a signature where the emulator wants one."""
    response = _ask(url, "POST", path, body)
    if response.headers.get("x-amzn-errortype") != _MISSING:
        return response
    from emulator.cli.signing import signed_headers  # noqa: PLC0415  # mostly not needed

    headers = signed_headers("POST", url.rstrip("/") + path, body)
    if not headers:
        raise TestbedError(
            f"The emulator at {url} wants signed calls (--auth strict): set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE to the file in its --state-dir."
        )
    return _ask(url, "POST", path, body, headers)


def _without_number(error: Exception) -> str:
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error))


def _ask(
    url: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> _Answer:
    # httpx would import rich and click, for a command of its own: .1 s before anything is asked
    import httpcore  # noqa: PLC0415  # not for every command

    _check(url)
    begun = time.perf_counter()
    try:
        response = httpcore.request(
            method,
            url.rstrip("/") + path,
            headers=[*(headers or {"content-type": "application/json"}).items()],
            content=body,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT)},
        )
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise TestbedError(
            f"No emulator answers at {url} ({_without_number(error)}); start one with `testbed up`."
        ) from error
    took_ms = (time.perf_counter() - begun) * 1000
    answered = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }
    return _Answer(response.status, answered, response.content, took_ms)


def ask_json(url: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Asks for one of the testbed's own pages and returns what was told.

    Raises:
        TestbedError: Nobody answers there, or the page refused.
    """
    response = _ask(url, method, path, b"" if body is None else json.dumps(body).encode())
    told = response.decoded()
    if response.status != _OK or not isinstance(told, dict):
        raise TestbedError(str(told.get("detail", told)) if isinstance(told, dict) else str(told))
    return told


def _print_as_it_comes(url: str, path: str) -> None:
    """Prints an answer that does not end; Ctrl-C ends the program, and the emulator's end this."""
    import httpcore  # noqa: PLC0415  # not for every command

    _check(url)
    timeouts = {"connect": _TIMEOUT, "read": None, "write": _TIMEOUT, "pool": _TIMEOUT}
    try:
        with httpcore.stream(
            "GET", url.rstrip("/") + path, extensions={"timeout": timeouts}
        ) as response:
            if response.status != _OK:
                _check_answer(_Answer(response.status, {}, response.read(), 0.0))
            decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
            for piece in response.iter_stream():
                print(decode(piece), end="", flush=True)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise TestbedError(
            f"The emulator at {url} does not answer any more ({error}): see `testbed up`."
        ) from error


def _check_answer(response: _Answer) -> None:
    """Passes an answer that is no refusal.

    Raises:
        TestbedError: the emulator refused, with its sentence.
    """
    if response.status != _OK:
        told = response.decoded()
        raise TestbedError(str(told.get("detail", told)) if isinstance(told, dict) else str(told))


def _check(url: str) -> None:
    """Refuses a malformed address: the system would dial port 34463 for port 99999."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # no port, no IPv6 address
        right = False
    if not right:
        raise SettingsError(f"--url: {url!r} is no address such as {DEFAULT_URL}.")


def _rows(response: _Answer, url: str) -> list[dict[str, Any]]:
    """Returns the sandboxes that an emulator lists.

    Raises:
        TestbedError: Something else serves at that address.
    """
    found = response.decoded()
    if response.status != _OK or not isinstance(found, list):
        raise TestbedError(f"What serves at {url} is no emulator: it lists no sandboxes.")
    return found
