"""SnapStart through the whole engine: publish, restore, REPORT, records, ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.messages.events import VersionDeployed
from emulator.core.model import StartKind, VersionKey
from emulator.core.records import Status
from emulator.errors import SnapshotError
from emulator.live.backends.limitations import Limitation
from emulator.live.invocation import RestoreFailure
from tests.live.world import BOUND, lacks, world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend

pytestmark = pytest.mark.anyio
on_both = pytest.mark.parametrize(
    "backend", ["process", pytest.param("docker", marks=pytest.mark.docker)], indirect=True
)

CODE = """
import os, time
from snapshot_restore_py import register_after_restore
INIT = os.urandom(8).hex()
AFTER = []
register_after_restore(AFTER.append, "ran")

def say(event, context):
    print("said", event)
    return [INIT, AFTER, os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"),
            "AWS_LAMBDA_LOG_STREAM_NAME" in os.environ]

def leave(event, context):
    os._exit(event)

def hang(event, context):
    time.sleep(60)
"""
PUBLISHED: dict[str, Any] = {"code": CODE, "snap_start": True, "version": "1"}


def needs_snapshots(backend: SandboxBackend) -> None:
    if lacks(backend, Limitation.NO_SNAPSHOTS):
        pytest.skip(backend.unenforced[Limitation.NO_SNAPSHOTS])


@on_both
async def test_restored_invocation_is_told_in_log_and_record(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_snapshots(backend)
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        key = published(await here.deploy("say", **PUBLISHED))
        one, other = here.engine.invoke(key, b"1"), here.engine.invoke(key, b"2")
        answers = [(await one).payload, (await other).payload]
        await here.engine.invoke(key, b"3")
        await here.idle()
        records = here.records()
    assert answers[0] == answers[1]  # the same init
    assert answers[0].endswith(b', ["ran"], "snap-start", false]')
    # the third may end before the second's last lines have come
    starts = sorted(record.start for record in records if record.start is not None)
    assert starts == [StartKind.RESTORED, StartKind.RESTORED, StartKind.WARM]
    lines = [event.message for event in here.logs.events("say-0")]
    reports = [line for line in lines if line.startswith("REPORT")]
    restored = sorted(("Restore Duration: " in one, "Init Duration" in one) for one in reports)
    assert restored == [(False, False), (True, False), (True, False)]
    assert sum(line.startswith("INIT_REPORT Init Duration: ") for line in lines) == 1
    assert sum(line.startswith("RESTORE_START ") for line in lines) == 2
    assert sum(line.startswith("RESTORE_REPORT Restore Duration: ") for line in lines) == 2
    assert await survivors(backend) == []


@on_both
async def test_scheduler_is_told_how_much_memory_a_snapshot_has(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_snapshots(backend)
    code = "HELD = bytearray(b'.' * (40 << 20))\n" + CODE
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        await here.deploy("say", **PUBLISHED | {"code": code})
        (told,) = [each.event for each in here.entries() if isinstance(each.event, VersionDeployed)]
    assert 40 < told.function.snapshot_mb < 120


@on_both
async def test_latest_has_no_snapshot(backend: SandboxBackend, tmp_path: Path) -> None:
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        key = await here.deploy("say", code=CODE, snap_start=True)
        answer = (await here.engine.invoke(key, b"1")).payload
        await here.idle()
        records = here.records()
    assert answer.endswith(b', [], "on-demand", true]')
    assert [record.start for record in records] == [StartKind.COLD]


@on_both
async def test_init_that_fails_fails_the_version(backend: SandboxBackend, tmp_path: Path) -> None:
    needs_snapshots(backend)
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        with pytest.raises(SnapshotError, match="ValueError: no luck"):
            await here.deploy("say", **PUBLISHED | {"code": "raise ValueError('no luck')"})
        lines = [event.message for event in here.logs.events("say-0")]
    assert any("FunctionError.RuntimeInitError" in line for line in lines), lines


@on_both
@pytest.mark.parametrize(
    ("handler", "status"), [("leave", Status.EXITED), ("hang", Status.TIMEOUT)]
)
async def test_sandbox_that_failed_is_replaced_by_another_restore(
    backend: SandboxBackend, tmp_path: Path, handler: str, status: Status
) -> None:
    needs_snapshots(backend)
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        key = published(await here.deploy(handler, **PUBLISHED, timeout=30))
        for _ in range(2):
            ask = here.timed_out if status is Status.TIMEOUT else here.invoke
            assert (await ask(key, 3)).function_error == "Unhandled"
            await here.gone()
        records = here.records()
    assert [record.status for record in records] == [status, status]
    assert [record.start for record in records] == [StartKind.RESTORED, StartKind.RESTORED]


@on_both
async def test_hook_that_fails_after_a_restore_fails_the_invocation(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_snapshots(backend)
    code = CODE + "\n@register_after_restore\ndef fail():\n    raise ValueError('no luck')\n"
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        key = published(await here.deploy("say", **PUBLISHED | {"code": code}))
        outcome = await here.engine.invoke(key, b"1")
        assert (outcome.function_error, outcome.restore_failure) == (
            "Unhandled",
            RestoreFailure.ERROR,
        )
        await here.gone()
        here.records()  # the log is written when the journal is
        lines = [event.message for event in here.logs.events("say-0")]
    assert b"no luck" in outcome.payload, outcome.payload
    assert any(line.startswith("RESTORE_REPORT") and "Status: error" in line for line in lines)


@on_both
async def test_hook_that_takes_too_long_after_a_restore_is_a_timeout(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    needs_snapshots(backend)
    wait = "    print('the hook waits', flush=True)\n    time.sleep(60)\n"
    code = f"{CODE}\n@register_after_restore\ndef wait():\n{wait}"
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        key = published(await here.deploy("say", **PUBLISHED | {"code": code}))
        waiting = here.engine.invoke(key, b"1")
        await here.logged("say-0", "the hook waits")
        here.clock.skip(60)
        outcome = await waiting
        assert (outcome.function_error, outcome.restore_failure) == (
            "Unhandled",
            RestoreFailure.TIMEOUT,
        )
        await here.gone()


def published(latest: VersionKey) -> VersionKey:
    return VersionKey.of(latest.name, "1")


async def survivors(backend: SandboxBackend) -> list[str]:
    found: list[str] = await backend.survivors()  # type: ignore[attr-defined]
    return found


@on_both
async def test_version_runs_its_init_and_its_hooks_where_nothing_is_kept(
    backend: SandboxBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(backend)  # Docker's has a property, which its instance cannot have otherwise
    owner = kind if hasattr(kind, "snapshots") else backend
    monkeypatch.setattr(owner, "snapshots", None)
    async with world(backend, tmp_path) as here, asyncio.timeout(BOUND):
        key = published(await here.deploy("say", **PUBLISHED))
        answer = (await here.engine.invoke(key, b"1")).payload
        await here.idle()
        records = here.records()
    assert answer.endswith(b', ["ran"], "snap-start", false]'), answer
    assert [record.start for record in records] == [StartKind.COLD]
