from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.api.auth.closed_pages import ClosedPages


async def _page(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def status(path: str, client: str | None, server: str = "192.0.2.9") -> int:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": path,
        "client": (client, 1) if client else None,
        "server": (server, 8000),
    }
    asyncio.run(ClosedPages(_page)(scope, None, send))  # type: ignore[arg-type]
    return int(sent[0]["status"])


@pytest.mark.parametrize("path", ["/_testbed/logs/f", "/_testbed/docs", "/metrics"])
def test_own_pages_are_for_this_machine(path: str) -> None:
    assert [status(path, client) for client in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [
        200
    ] * 3
    assert [status(path, client) for client in ("192.0.2.1", "2001:db8::1", None)] == [403] * 3


def test_own_address_of_the_machine_is_local() -> None:
    assert status("/metrics", "192.0.2.9") == 200
    assert status("/metrics", "192.0.2.9", server="192.0.2.8") == 403


@pytest.mark.parametrize("path", ["/healthz", "/predict", "/_testbed/code/abc"])
def test_other_pages_are_everyones(path: str) -> None:
    assert status(path, "192.0.2.1") == 200
