"""Invokes functions of the emulator from within the companion's process, and waits for none."""

from __future__ import annotations

import logging
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import quote

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger(__name__)

_AT_ONCE = 8
_PATIENCE = 10.0
"""Seconds for the emulator to write an event to its disk."""
_TRACE = "X-Amzn-Trace-Id"


@dataclass(frozen=True, slots=True)
class Sender:
    """Holds who sends an event, about whom policies are asked under --auth strict."""

    service: str
    """`s3`, `sns`, `events`, `scheduler`."""
    arn: str = ""
    """ARN of the bucket, topic or rule."""
    role: str = ""
    """ARN of the role as which the service invokes, instead of as itself."""


class Gateway:
    """Sends events to `Invoke`; they are durable there when they are taken."""

    def __init__(self, url: str, secret: str = "") -> None:
        """Takes the `secret` by which the emulator knows its companion."""
        self._url = url
        self._secret = secret
        self._senders = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="events")
        # the emulator is on this machine, whatever proxy the user has
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send(
        self, function_arn: str, payload: bytes, *, source: Sender, trace: str = ""
    ) -> Future[None]:
        """Invokes a function asynchronously; returns at once."""
        return self._senders.submit(self._send, function_arn, payload, source, trace)

    def _send(self, function_arn: str, payload: bytes, source: Sender, trace: str) -> None:
        path = f"/2015-03-31/functions/{quote(function_arn, safe='')}/invocations"
        headers = {
            "Content-Type": "application/json",
            "X-Amz-Invocation-Type": "Event",
            "X-Testbed-Source": source.service,
            "X-Testbed-Source-Arn": source.arn,
            "X-Testbed-Source-Role": source.role,
        }
        if self._secret:
            headers["X-Testbed-Internal"] = self._secret
        if trace:
            headers[_TRACE] = trace
        request = urllib.request.Request(self._url + path, payload, headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=_PATIENCE):
                pass
        except (URLError, OSError) as error:
            log.warning("%s did not get an event of %s: %s", function_arn, source.service, error)
