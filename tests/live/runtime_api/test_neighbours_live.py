"""A function that dials the Runtime API of another: on real backends, from within a sandbox."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import pytest

from emulator.core.messages.commands import Dispatch
from emulator.host import peers
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.process.backend import ProcessBackend
from tests.live.world import BOUND, world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend
    from tests.live.world import World

pytestmark = pytest.mark.anyio

CODE = """
import http.client, json, os, socket, subprocess, sys, time

OWN = os.environ["AWS_LAMBDA_RUNTIME_API"]

ASK = '''
import http.client, sys
api = http.client.HTTPConnection(sys.argv[1], timeout=20)
api.request("GET", "/nowhere")
print(api.getresponse().status)
'''

def address(event, context):
    # what the sandbox dials, and the same port at the sandbox's own address
    try:
        outside = socket.gethostbyname("sandbox.localdomain")
    except OSError:
        outside = "127.0.0.1"
    return [OWN, outside + ":" + OWN.partition(":")[2]]

def slow(event, context):
    time.sleep(event)
    return "its own answer" if event else address(event, context)

def attack(event, context):
    # what it dials itself is nobody else's, where each sandbox has a network of its own
    return sorted({dial(one, *event["request"]) for one in event["addresses"] if one != OWN})

def dial(address, method, path, body):
    api = http.client.HTTPConnection(address, timeout=20)
    try:
        api.request(method, path, body)
        return str(api.getresponse().status)
    except TimeoutError:
        return "no answer, but a connection"
    except (OSError, http.client.HTTPException) as error:
        return "refused"

def child(event, context):
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    return int(subprocess.run([sys.executable, "-c", ASK, address], capture_output=True).stdout)

def thread(event, context):
    import threading
    seen = []
    def ask():
        api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=20)
        api.request("GET", "/nowhere")
        seen.append(api.getresponse().status)
    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    return seen[0]
"""
INVOCATION = "/2018-06-01/runtime/invocation"


@pytest.fixture
def real(backend: SandboxBackend) -> SandboxBackend:
    if backend.name == "scripted":
        pytest.skip("nothing runs in it")
    if Limitation.SHARED_RUNTIME_API in backend.unenforced:
        pytest.skip(backend.unenforced[Limitation.SHARED_RUNTIME_API])
    return backend


async def second_dispatch(here: World) -> str:
    """Returns the request id of what was dispatched as the second."""
    async with asyncio.timeout(BOUND):
        while True:
            commands = [command for entry in here.entries() for command in entry.commands]
            dispatches = [command for command in commands if isinstance(command, Dispatch)]
            if len(dispatches) > 1:
                return dispatches[1].invocation
            await asyncio.sleep(0.005)


async def test_neighbour_gets_no_work_of_another_sandbox(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with world(real, tmp_path) as here:
        victim = await here.deploy("address", code=CODE)
        attacker = await here.deploy("attack", code=CODE)
        addresses = json.loads((await here.invoke(victim)).payload)
        await here.idle()
        event = {"addresses": addresses, "request": ["GET", f"{INVOCATION}/next", None]}
        attacked = await here.invoke(attacker, event)
        again = await here.invoke(victim)
    assert json.loads(attacked.payload) == ["refused"]
    assert json.loads(again.payload) == addresses


async def test_neighbour_cannot_answer_in_place_of_another_sandbox(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with world(real, tmp_path) as here:
        victim = await here.deploy("slow", code=CODE)
        attacker = await here.deploy("attack", code=CODE)
        addresses = json.loads((await here.invoke(victim, 0)).payload)
        await here.idle()
        answer = asyncio.create_task(here.invoke(victim, 3))
        request_id = await second_dispatch(here)
        forged = ["POST", f"{INVOCATION}/{request_id}/response", '"forged"']
        attacked = await here.invoke(attacker, {"addresses": addresses, "request": forged})
        outcome = await answer
    assert json.loads(attacked.payload) == ["refused"]
    assert json.loads(outcome.payload) == "its own answer"


@pytest.mark.parametrize("who", ["child", "thread"])
async def test_all_of_a_sandbox_may_dial_its_own(
    real: SandboxBackend, tmp_path: Path, who: str
) -> None:
    async with world(real, tmp_path) as here:
        own = await here.deploy(who, code=CODE)
        outcome = await here.invoke(own)
    assert json.loads(outcome.payload) == 404


async def test_backend_says_so_where_it_cannot_tell_neighbours_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's root, for one, may not see the descriptors of other users' processes."""
    monkeypatch.setattr(peers, "_effective_capabilities", lambda: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    backend = ProcessBackend(
        tmp_path / "state", f"peers-{os.getpid()}", bubblewrap=None, cgroup_root=None, spare_slots=0
    )
    monkeypatch.setattr(
        "emulator.live.backends.process.view_choice.others_can_enter", lambda _: True
    )
    await backend.open()
    try:
        assert Limitation.SHARED_RUNTIME_API in backend.unenforced
    finally:
        await backend.close()
