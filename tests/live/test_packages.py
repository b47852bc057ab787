"""An earlier revision's package stays for its sandboxes, which wait, work or go; on a fake."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.model import SandboxState
from emulator.live.deployments import Deployment
from emulator.live.packages import PackageKeeper
from tests.live.fake_backend import FakePackages
from tests.live.test_engine import KEY, Here, play

if TYPE_CHECKING:
    from emulator.core.model import Sandbox, VersionKey
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.sandbox.live_sandbox import LiveSandbox


async def deploy(here: Here, code: str) -> None:
    configuration = FunctionConfiguration("f", "python3.13", "app.handler", code=code, timeout=1)
    await here.engine.deploy(configuration, lambda _: None)


def states(here: Here) -> list[SandboxState]:
    return sorted(sandbox.state for sandbox in here.engine.sandboxes.values())


def test_package_that_no_sandbox_has_goes_with_its_version() -> None:
    async def act(here: Here) -> None:
        await deploy(here, "old")
        await deploy(here, "new")
        assert here.backend.packages.needed() == {"new"}
        here.engine.retire(KEY)
        assert here.backend.packages.needed() == set()

    play(act)


def test_package_stays_until_the_last_sandbox_of_its_revision_is_gone() -> None:
    """One is at work, one waits in the start queue, and both start from the old package."""

    async def act(here: Here) -> None:
        await deploy(here, "old")
        first, second = here.engine.invoke(KEY, b"{}"), here.engine.invoke(KEY, b"{}")
        await deploy(here, "new")
        assert states(here) == [SandboxState.QUEUED, SandboxState.STARTING]
        assert here.backend.packages.needed() == {"old", "new"}
        await asyncio.gather(first, second)
        assert here.backend.packages.needed() == {"old", "new"}
        await asyncio.sleep(5.0)
        assert not here.engine.sandboxes
        assert here.backend.packages.needed() == {"new"}

    play(act, start_width=1)


def test_package_of_a_retired_version_stays_for_what_it_still_does() -> None:
    async def act(here: Here) -> None:
        await deploy(here, "old")
        running = here.engine.invoke(KEY, b"{}")
        here.engine.retire(KEY)
        assert here.backend.packages.needed() == {"old"}
        await running
        await asyncio.sleep(5.0)
        assert here.backend.packages.needed() == set()

    play(act)


def test_idle_sandbox_holds_its_package_until_it_is_taken_away() -> None:
    async def act(here: Here) -> None:
        await deploy(here, "old")
        await here.invoke()
        await deploy(here, "new")
        assert states(here) == [SandboxState.STOPPING]
        assert here.backend.packages.needed() == {"old", "new"}
        await asyncio.sleep(5.0)
        assert here.backend.packages.needed() == {"new"}

    play(act)


def test_revision_that_comes_back_has_its_package_while_earlier_ones_end() -> None:
    async def act(here: Here) -> None:
        await deploy(here, "old")
        running = here.engine.invoke(KEY, b"{}")
        await deploy(here, "new")
        await deploy(here, "old")
        await running
        await asyncio.sleep(5.0)
        assert here.backend.packages.needed() == {"old"}
        assert (await here.invoke()).start is not None

    play(act)


# sandboxes of which nobody tells


@dataclass
class _Function:
    key: VersionKey
    revision: int


@dataclass
class _Sandbox:
    function: _Function
    package: str = "old"


class _Backend:
    def __init__(self) -> None:
        self.packages = FakePackages()


def keeper(
    scheduled: dict[int, _Sandbox], live: dict[int, _Sandbox]
) -> tuple[PackageKeeper, FakePackages]:
    backend = _Backend()
    kept = PackageKeeper(
        cast("SandboxBackend", backend),
        cast("dict[int, Sandbox]", scheduled),
        cast("dict[int, LiveSandbox]", live),
    )
    return kept, backend.packages


def revision(number: int, package: str) -> Deployment:
    return Deployment(FunctionConfiguration("f", "python3.13", "a.b"), package, number, "arn")


def test_sandbox_that_goes_without_a_start_is_missed_at_the_next_change() -> None:
    scheduled = {1: _Sandbox(_Function(KEY, 0)), 2: _Sandbox(_Function(KEY, 1))}
    kept, packages = keeper(scheduled, {})
    kept.hold_earlier(revision(0, "old"))
    assert packages.needed() == {"old"}
    del scheduled[1]
    kept.hold_earlier(revision(1, "new"))
    assert packages.needed() == {"new"}


def test_sandbox_that_the_scheduler_has_given_up_and_that_is_being_cleared_up_counts() -> None:
    kept, packages = keeper({}, {1: _Sandbox(_Function(KEY, 0))})
    kept.hold_earlier(revision(0, "old"))
    assert packages.needed() == {"old"}
    kept.sandbox_gone(1)
    assert packages.needed() == set()
