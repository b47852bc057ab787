"""Notes how often each event has run: an HTTP server that the function tells."""

from __future__ import annotations

import http.server
import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ledger:
    """Serves at `address` while the context lasts; safe from every thread."""

    def __init__(self) -> None:
        self._runs: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """Returns `host:port`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def note(self, ids: Iterable[str]) -> None:
        with self._lock:
            self._runs.update(ids)

    def runs(self) -> dict[str, int]:
        """Returns how often each event has run."""
        with self._lock:
            return dict(self._runs)


def _handler(ledger: Ledger) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the standard library calls it
            body = self.rfile.read(int(self.headers["content-length"]))
            ledger.note(json.loads(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
