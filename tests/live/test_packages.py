"""An earlier revision's package stays for its sandboxes, which wait, work or go; on a fake."""

from __future__ import annotations

import asyncio

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.model import SandboxState
from tests.live.test_engine import KEY, Here, play


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
