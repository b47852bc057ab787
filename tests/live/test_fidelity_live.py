"""What a handler finds in its sandbox on the real backends, as it would on Lambda."""

from __future__ import annotations

import asyncio
import errno
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.model import Failure, StartKind
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.live.backends.limitations import Limitation
from tests.live.world import BOUND, lacks, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend
    from tests.live.world import World

REAL = ["process", pytest.param("docker", marks=pytest.mark.docker)]
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", REAL, indirect=True)]

CODE = """
import os, resource, threading, time

def environment(event, context):
    return dict(os.environ)

def writable(event, context):
    found = []
    for folder, below, _ in os.walk("/"):
        if folder == "/":
            below[:] = [name for name in below if name not in ("proc", "sys")]
        if os.access(folder, os.W_OK):
            found.append(folder)
            below.clear()
    return found

def fill(event, context):
    with open("/tmp/full", "wb", buffering=0) as file:
        try:
            for _ in range(event):
                file.write(bytes(10 << 20))
        except OSError as error:
            return [error.errno, os.fstat(file.fileno()).st_size]

def descriptors(event, context):
    held = []
    try:
        while len(held) < 2000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return [error.errno, max(held), *resource.getrlimit(resource.RLIMIT_NOFILE)]
    finally:
        for each in held:
            os.close(each)

def threads(event, context):
    threading.stack_size(64 << 10)
    over, begun = threading.Event(), []
    try:
        while len(begun) < 2000:
            thread = threading.Thread(target=over.wait)
            thread.start()
            begun.append(thread)
    except RuntimeError:
        return len(begun)
    finally:
        over.set()
        for thread in begun:
            thread.join()

def user(event, context):
    lines = open("/proc/self/status").read().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

def cpus(event, context):
    return [len(os.sched_getaffinity(0)), int(os.popen("nproc").read())]
"""
TICKING = """
import threading, time

gap, last, ticks = 0.0, time.monotonic(), 0

def count():
    global gap, last, ticks
    while True:
        time.sleep(0.001)
        now = time.monotonic()
        gap, last, ticks = max(gap, now - last), now, ticks + 1

threading.Thread(target=count, daemon=True).start()

def ticking(event, context):
    global gap
    until = ticks + event
    while ticks < until:
        time.sleep(0.001)
    found, gap = gap, 0.0
    return found
"""
"""Answers, after some ticks of a thread, how long the thread stood still since the last answer."""
SLOW_INIT = """
import os, time

BEGAN = time.time()
time.sleep(0.6)
READY = time.time()

def remaining(event, context):
    if event == "leave":
        os._exit(1)
    before, left_ms, after = time.time(), context.get_remaining_time_in_millis(), time.time()
    time.sleep(event)
    passed_ms = left_ms - context.get_remaining_time_in_millis()
    return [BEGAN, READY, before + left_ms / 1000, after + left_ms / 1000, passed_ms]
"""
"""Tells when its init began and ended, between which times its deadline is, and what passed."""
GATED = """
import os, socket

host, port = os.environ["GATE"].rsplit(":", 1)
with socket.create_connection((host, int(port))) as gate:
    gate.recv(1)

def gated(event, context):
    if event == "leave":
        os._exit(1)
    return event
"""
"""An init that a test ends, over a connection to the test."""

FIXED = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_FUNCTION_NAME": "environment-0",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/environment-0",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "_HANDLER": "app.environment",
}
"""As a recording of AWS has them (2026-01), with this function's names."""
OF_FILE_SYSTEM = {
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:"
    "/var/task/lib:/opt/lib",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "PYTHONPATH": "/var/runtime",
}
VARYING = {
    "AWS_ACCESS_KEY_ID": ".+",
    "AWS_SECRET_ACCESS_KEY": ".+",
    "AWS_SESSION_TOKEN": ".+",
    "AWS_LAMBDA_LOG_STREAM_NAME": r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}",
    "AWS_LAMBDA_RUNTIME_API": r"[^:]+:\d+",
    "AWS_XRAY_DAEMON_ADDRESS": r"[\d.]+:2000",
}
UNLIKE_LAMBDA = {"HOME", "HOSTNAME"}
"""Docker gives them to every container; Lambda has neither."""
OF_SHELL_AND_PYTHON = {"PWD", "LC_CTYPE"}
"""The runtime's own start leaves them, on Lambda as well: its script, and PEP 538 for a LANG that
the system has no locale of."""


def needs_file_system(backend: SandboxBackend) -> None:
    if lacks(backend, Limitation.HOST_FILE_SYSTEM):
        pytest.skip("sandboxes have no file system of their own, and the backend says so")


async def told(here: World, handler: str, event: object = None, **more: int) -> Any:
    """What a new function's handler says in its first invocation."""
    key = await here.deploy(handler, code=CODE, **more)
    outcome = await here.invoke(key, event)
    assert not outcome.function_error, outcome.payload
    return json.loads(outcome.payload)


async def test_variables_are_those_of_lambda_and_no_others(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_file_system(backend)
    async with world(backend, tmp_path) as here:
        found = await told(here, "environment")
    host = found["AWS_LAMBDA_RUNTIME_API"].partition(":")[0]
    assert host in {backend.runtime_api_name, "127.0.0.1"}
    varying = {name: found.pop(name, "") for name in VARYING}
    assert [name for name, value in varying.items() if not re.fullmatch(VARYING[name], value)] == []
    tolerated = OF_SHELL_AND_PYTHON | (UNLIKE_LAMBDA if backend.name == "docker" else set())
    assert {name: found[name] for name in found.keys() - tolerated} == FIXED | OF_FILE_SYSTEM


async def test_provisioned_sandbox_is_told_that_it_is(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("environment", code=CODE, provisioned_concurrency=1)
        await here.idle()
        outcome = await here.invoke(key)
    environment = json.loads(outcome.payload)
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"


async def test_only_tmp_can_be_written(backend: SandboxBackend, tmp_path: Path) -> None:
    needs_file_system(backend)
    async with world(backend, tmp_path) as here:
        assert await told(here, "writable", memory_mb=1769) == ["/tmp"]


async def test_tmp_holds_its_ephemeral_storage_and_no_more(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_file_system(backend)
    async with world(backend, tmp_path) as here:
        full = await told(here, "fill", 60, memory_mb=1769, ephemeral_storage_mb=525)
    assert full == [errno.ENOSPC, 525 << 20]


async def test_descriptors_are_limited_to_1024(backend: SandboxBackend, tmp_path: Path) -> None:
    async with world(backend, tmp_path) as here:
        assert await told(here, "descriptors") == [errno.EMFILE, 1023, 1024, 1024]


async def test_processes_and_threads_are_limited_to_1024(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    if lacks(backend, Limitation.PROCESSES_UNLIMITED):
        pytest.skip("no limit of processes can be enforced here, and the backend says so")
    async with world(backend, tmp_path) as here:
        begun = await told(here, "threads", memory_mb=1769)
    assert 1010 < begun < 1024, "the runtime and its supervisor are of them"


async def test_user_is_not_root_and_can_gain_nothing(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_file_system(backend)
    async with world(backend, tmp_path) as here:
        status = await told(here, "user")
    assert "0" not in status["Uid"] + status["Gid"] + status["Groups"]
    sets = [*status["CapEff"], *status["CapPrm"], *status["CapAmb"]]
    assert [int(held, 16) for held in sets] == [0, 0, 0]
    assert status["NoNewPrivs"] == ["1"]


async def test_no_more_cpus_are_seen_than_lambda_shows(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        allowed, shown = await told(here, "cpus")
    assert 1 <= allowed == shown <= AWS_2025.visible_cpus(256)


async def test_background_thread_stands_still_between_invocations(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("ticking", code=TICKING, memory_mb=1769)
        await here.invoke(key, 20)
        await here.frozen()
        await asyncio.sleep(1.0)
        stood_still = float((await here.invoke(key, 20)).payload)
    assert stood_still > 0.95, "it would tick a thousand times in that second"


async def test_remaining_time_counts_an_init_only_where_it_is_within_the_invocation(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("remaining", code=SLOW_INIT, memory_mb=1769, timeout=30)
        cold = await here.invoke(key, 0)
        await here.invoke(key, "leave")
        suppressed = await here.invoke(key, 0)
        warm = await here.invoke(key, 0.25)
    kinds = [cold.start, suppressed.start, warm.start]
    assert kinds == [StartKind.COLD, StartKind.SUPPRESSED, StartKind.WARM]
    _, ready, _, latest, _ = json.loads(cold.payload)
    assert latest - 30 > ready - 0.1, "its time began after the init"
    began, _, earliest, _, _ = json.loads(suppressed.payload)
    assert earliest - 30 < began + 0.1, "its time began before the init"
    *_, passed_ms = json.loads(warm.payload)
    assert passed_ms > 240


async def test_timeout_counts_from_the_dispatch(backend: SandboxBackend, tmp_path: Path) -> None:
    async with gates(backend) as (address, opened), world(backend, tmp_path) as here:
        variables = {"GATE": address}
        key = await here.deploy("gated", code=GATED, timeout=5, environment=variables)
        cold = asyncio.create_task(here.invoke(key, 1))
        async with asyncio.timeout(BOUND):
            gate = await opened.get()
        here.clock.skip(7)  # of the 60 that an init has
        gate.write(b"!")
        outcomes = [await cold, await here.invoke(key, "leave")]
        suppressed = asyncio.create_task(here.invoke(key, 1))
        async with asyncio.timeout(BOUND):
            await opened.get()
        here.clock.skip(5)
        outcomes.append(await suppressed)
        await here.idle()
        first, _, last = here.records()
    assert [one.failure for one in outcomes] == [None, Failure.EXITED, Failure.TIMEOUT]
    assert first.duration < 5
    assert first.latency >= 7
    assert last.duration == 5.0


@asynccontextmanager
async def gates(
    backend: SandboxBackend,
) -> AsyncIterator[tuple[str, asyncio.Queue[asyncio.StreamWriter]]]:
    """An address that a sandbox reaches, and the connections of the inits that wait there."""
    waiting: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def arrived(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        waiting.put_nowait(writer)

    server = await asyncio.start_server(arrived, backend.runtime_api_host, 0)
    try:
        yield f"{backend.runtime_api_name}:{server.sockets[0].getsockname()[1]}", waiting
    finally:
        for writer in writers:
            writer.transport.abort()
        server.close()
