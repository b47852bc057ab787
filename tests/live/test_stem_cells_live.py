"""Stem cells through the whole engine: made, taken, refilled, ended, and what is in one before."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.messages.commands import MakeStemCell, StartSandbox
from emulator.core.messages.events import StemCellReady
from emulator.core.model import StartKind
from emulator.core.stem_cells import StemCells
from emulator.errors import BackendUnavailableError
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.backends.docker.function_files import FunctionFiles
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.process.backend import ProcessBackend
from tests.live.backends.process.test_backend import alive
from tests.live.world import BOUND, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.live.backends.docker.sandbox import DockerSandbox
    from emulator.live.backends.process.sandbox import ProcessSandbox
    from tests.live.world import World

pytestmark = pytest.mark.anyio

CODE = """
import os
import time
LEFT = sorted(os.listdir("/tmp"))

def look(event, context):
    open(f"/tmp/{context.aws_request_id}", "w").close()
    return [os.environ.get("WORD"), os.environ["AWS_LAMBDA_FUNCTION_NAME"], LEFT, os.getcwd(),
            open("/var/task/app.py").read().count("LEFT"), context.memory_limit_in_mb]

def linger(event, context):
    time.sleep(event)
    return len(open("/var/task/app.py").read())

def leave(event, context):
    if event:
        os._exit(event)
    return os.environ["AWS_LAMBDA_FUNCTION_NAME"]
"""


both = pytest.mark.parametrize(
    "kind", ["process", pytest.param("docker", marks=pytest.mark.docker)]
)


async def opened(kind: str, folder: Path) -> ProcessBackend | DockerBackend:
    backend: ProcessBackend | DockerBackend
    if kind == "process":
        backend = ProcessBackend(folder / "state", f"cells-{os.getpid()}", stem_cells=True)
    else:
        backend = DockerBackend(f"cells-{os.getpid()}", slots=4, stem_cells=folder / "files")
        needed = FunctionConfiguration("cells", "python3.13", "app.echo")
        try:
            await backend.check((needed,), print)
        except BackendUnavailableError as error:
            await backend.close()
            pytest.skip(str(error))
    await backend.open()
    return backend


@asynccontextmanager
async def kept(
    folder: Path, cells: int, kind: str = "process", **settings: float
) -> AsyncIterator[World]:
    backend = await opened(kind, folder)
    try:
        if backend.stem_cells is None:
            pytest.skip(backend.unenforced[Limitation.NO_STEM_CELLS])
        rule = StemCells(cells, pace=0.01)
        async with world(backend, folder, stem_cells=rule, **settings) as here:
            yield here
        assert await backend.survivors() == []
    finally:
        await backend.close()
    assert not list((folder / "files").glob(".*"))


async def filled(here: World, cells: int) -> None:
    """Waits until so many cells in all have been made."""
    async with asyncio.timeout(BOUND):
        while ready(here) < cells:  # noqa: ASYNC110  # nothing tells a test
            await asyncio.sleep(0.01)


def the_cell(here: World) -> ProcessSandbox | DockerSandbox:
    backend = here.backend
    assert isinstance(backend, ProcessBackend | DockerBackend)
    assert backend.stem_cells is not None
    (cell,) = backend.stem_cells._cells.values()
    return cell.sandbox


def pids_of(sandbox: ProcessSandbox | DockerSandbox) -> list[int]:
    assert sandbox._cgroup is not None
    return sandbox._cgroup.pids()


def ready(here: World) -> int:
    return sum(isinstance(entry.event, StemCellReady) for entry in here.entries())


def taken(here: World) -> list[int]:
    commands = [command for entry in here.entries() for command in entry.commands]
    return [command.cell for command in commands if isinstance(command, StartSandbox)]


@both
async def test_cold_start_takes_a_cell_and_another_is_made(kind: str, tmp_path: Path) -> None:
    async with kept(tmp_path, 1, kind) as here:
        key = await here.deploy("echo")
        await filled(here, 1)
        outcome = await here.invoke(key, {"a": 1})
        await here.idle()
        await filled(here, 2)
        (record,) = here.records()
        events = [entry.event for entry in here.entries()]
    assert json.loads(outcome.payload) == {"a": 1}
    for event in events:
        if isinstance(event, StemCellReady):
            assert 0 < event.memory_mb < 64 if kind == "process" else event.memory_mb == 0
    assert outcome.start is StartKind.COLD
    assert record.stem_cell
    assert record.anatomy is not None
    assert record.anatomy.create == 0.0


@both
async def test_functions_find_their_own_files_variables_and_an_empty_tmp(
    kind: str, tmp_path: Path
) -> None:
    async with kept(tmp_path, 2, kind, keep_alive=0.0) as here:
        keys = [
            await here.deploy("look", code=CODE, environment={"WORD": word}, memory_mb=memory)
            for word, memory in (("blue", 128), ("green", 512))
        ]
        for turn in range(2):
            await filled(here, 2 + 2 * turn)
            answers = [json.loads((await here.invoke(key)).payload) for key in keys]
            assert answers == [
                ["blue", "look-0", [], "/var/task", 3, "128"],
                ["green", "look-1", [], "/var/task", 3, "512"],
            ]
            await here.gone()
        assert 0 not in taken(here)


@both
async def test_runtime_that_ends_starts_again_as_the_same_function(
    kind: str, tmp_path: Path
) -> None:
    async with kept(tmp_path, 1, kind) as here:
        key = await here.deploy("leave", code=CODE)
        await filled(here, 1)
        failed = await here.invoke(key, 3)
        again = await here.invoke(key, 0)
        assert json.loads(again.payload) == "leave-0"
        assert again.sandbox == failed.sandbox
        assert again.start is StartKind.SUPPRESSED
        assert taken(here) == [1]


async def test_burst_takes_what_is_there_and_starts_the_rest(tmp_path: Path) -> None:
    async with kept(tmp_path, 2, start_width=8) as here:
        key = await here.deploy("pause")
        await filled(here, 2)
        outcomes = await asyncio.gather(*(here.invoke(key) for _ in range(5)))
        assert len({outcome.payload for outcome in outcomes}) == 5
        assert taken(here)[:5] == [1, 2, 0, 0, 0]


@both
async def test_cell_that_was_killed_is_replaced_and_fails_no_request(
    kind: str, tmp_path: Path
) -> None:
    async with kept(tmp_path, 1, kind) as here:
        key = await here.deploy("echo")
        await filled(here, 1)
        sandbox = the_cell(here)
        for pid in pids_of(sandbox):
            with suppress(ProcessLookupError):  # the first of a namespace takes the others along
                os.kill(pid, signal.SIGKILL)
        sandbox.thaw()  # on cgroup v1 a frozen process dies when it is thawed
        await filled(here, 2)
        assert (await here.invoke(key, 7)).payload == b"7"


async def test_function_with_variables_of_the_interpreter_gets_no_cell(tmp_path: Path) -> None:
    async with kept(tmp_path, 1) as here:
        await here.deploy("echo")
        key = await here.deploy("echo", environment={"PYTHONHASHSEED": "0"})
        await filled(here, 1)
        await here.invoke(key)
        assert taken(here) == [0]


async def test_cells_end_with_the_last_function_of_their_runtime(tmp_path: Path) -> None:
    async with kept(tmp_path, 1) as here:
        key = await here.deploy("echo")
        await filled(here, 1)
        here.engine.retire(key)
        async with asyncio.timeout(BOUND):
            while alive(f"name=testbed-cells-{os.getpid()}-"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.docker
async def test_files_of_a_deleted_function_go_with_the_last_sandbox_that_sees_them(
    tmp_path: Path,
) -> None:
    async with kept(tmp_path, 1, "docker") as here:
        key = await here.deploy("linger", code=CODE)
        await filled(here, 1)
        assert len(folders(tmp_path)) == 1
        answer = asyncio.ensure_future(here.invoke(key, 1.0))
        async with asyncio.timeout(BOUND):
            while not taken(here):  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0.01)
        here.engine.retire(key)
        # all that time the files could have been taken from under the function
        assert json.loads((await answer).payload) == len(CODE)
        assert taken(here) == [1]
        async with asyncio.timeout(BOUND):
            while folders(tmp_path):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.docker
async def test_next_emulator_keeps_the_files_that_a_sandbox_of_the_one_before_sees(
    tmp_path: Path,
) -> None:
    async with kept(tmp_path, 1, "docker") as here:
        key = await here.deploy("look", code=CODE)
        await filled(here, 1)
        await here.invoke(key)
        await here.idle()
        assert taken(here) == [1]
        # as after `kill -9`: it knows of no sandbox, and of no version
        after = FunctionFiles(tmp_path / "files")
        await after.sweep()
        after.keep_only(())
        await after.close()
        assert len(visible(tmp_path)) == 1
        answer = json.loads((await here.invoke(key)).payload)
        assert answer[4] == CODE.count("LEFT"), "its files were taken away"
        here.engine.retire(key)
        await here.gone()
    await after.sweep()
    after.keep_only(())
    await after.close()
    assert folders(tmp_path) == []


def visible(folder: Path) -> list[Path]:
    return [path for path in folders(folder) if not path.name.startswith(".")]


def folders(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").iterdir() if path.is_dir()]


@both
async def test_nothing_of_a_function_is_in_a_cell_before_it_is_that_functions(
    kind: str, tmp_path: Path
) -> None:
    """Looked for from outside, in all that the cell's processes have in memory and in variables."""
    secret = "the-word-of-one-function-5b1f"
    async with kept(tmp_path, 1, kind) as here:
        key = await here.deploy("echo", environment={"WORD": secret})
        await filled(here, 1)
        sandbox = the_cell(here)
        assert copies(pids_of(sandbox), secret.encode()) == 0
        await here.invoke(key)
        await here.idle()
        assert copies(pids_of(sandbox), secret.encode()) > 0, "the look would not have found it"
        assert MakeStemCell(2, "python3.13") in [
            command for entry in here.entries() for command in entry.commands
        ]


def copies(pids: list[int], wanted: bytes) -> int:
    found = 0
    for pid in pids:
        proc = Path(f"/proc/{pid}")
        with (proc / "maps").open() as maps, (proc / "mem").open("rb", 0) as memory:
            for line in maps:
                begin, end = (int(number, 16) for number in line.split()[0].split("-"))
                if "rw" in line.split()[1]:
                    memory.seek(begin)
                    try:
                        found += memory.read(end - begin).count(wanted)
                    except OSError:
                        continue
    return found
