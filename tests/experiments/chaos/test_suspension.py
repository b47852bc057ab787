"""What a suspended gateway is put through; a small server of HTTP stands for the gateway."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from emulator.experiments.chaos.load import RIGHT, Client
from emulator.experiments.chaos.suspension import suspended
from emulator.experiments.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.experiments.runner.emulator_process import EmulatorProcess

pytestmark = pytest.mark.anyio

_SERVER = """
import http.server, json, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(event["seconds"])
        body = json.dumps({"token": event["token"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def state(pid: int, link: Path) -> tuple[str, str]:
    """Whether a process is stopped, and how many seconds its clock is ahead."""
    letter = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    ahead = str(link.readlink()) if link.is_symlink() else ""
    return "stopped" if letter == "T" else "goes on", ahead


async def test_gateway_stops_with_requests_under_way_and_goes_on_hours_later(
    tmp_path: Path, server: subprocess.Popen[bytes]
) -> None:
    link, states = tmp_path / "clock", Counter[tuple[str, str]]()

    async def watched() -> None:
        while True:
            states[state(server.pid, link)] += 1
            await asyncio.sleep(0.02)

    assert server.stdout is not None
    client = Client(f"http://127.0.0.1:{int(server.stdout.readline())}")
    gateway = cast("EmulatorProcess", server)  # of which a pid alone is asked
    world = World(
        *("process", gateway, client, tmp_path, random.Random(1), 0),
        another=lambda: (gateway, tmp_path),
        clock=str(link),
    )
    watching = asyncio.create_task(watched())
    try:
        async with asyncio.timeout(60):
            await suspended(world, nights=(0.5, 8.5), stopped=0.3)
    finally:
        watching.cancel()
        await client.close()
    assert states["stopped", "1800"] > 0
    assert states["goes on", "1800"] > 0
    assert states["stopped", "30600"] > 0
    assert world.own == {RIGHT: 10}
