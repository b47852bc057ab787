"""Page caches of their own, on both real backends: what is private, and that nothing is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.errors import BackendUnavailableError, SettingsError
from emulator.host.image_mounts import mounted_below
from emulator.live.backends.docker.root_folders import bound_folders
from emulator.live.backends.page_cache import PrivatePages, remove_orphans
from tests.live.sandboxes import function, sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.interface import SandboxBackend

pytestmark = pytest.mark.anyio
CACHED = """
def cached(path):
    file = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(file, [bytearray(4096)], 0, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
    finally:
        os.close(file)
globals()["cached"] = cached
"""


def loops(state: Path) -> list[Path]:
    found = Path("/sys/block").glob("loop*/loop/backing_file")
    return [file for file in found if file.read_text().startswith(str(state))]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("private")


@pytest.fixture(
    scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)]
)
async def private(request: pytest.FixtureRequest, state: Path) -> AsyncIterator[SandboxBackend]:
    pages = PrivatePages(state / request.param)
    try:
        pages.open()
    except SettingsError as error:
        pytest.skip(str(error))
    backend = _backend(request.param, state / request.param, pages)
    try:
        await backend.open()
    except (BackendUnavailableError, SettingsError) as error:
        await backend.close()
        if os.environ.get("TESTBED_REQUIRE_DOCKER"):
            raise
        pytest.skip(str(error))
    yield backend
    await backend.close()
    assert loops(state / request.param) == []


def _backend(name: str, state: Path, pages: PrivatePages) -> SandboxBackend:
    if name == "docker":
        from emulator.live.backends.docker.backend import DockerBackend  # noqa: PLC0415

        return DockerBackend(f"private-{os.getpid()}", private=pages)
    from emulator.live.backends.process.backend import ProcessBackend  # noqa: PLC0415

    return ProcessBackend(state, f"private-{os.getpid()}", private=pages)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> FunctionConfiguration:
    """A function with a large file; one for all tests, since its image takes seconds to make."""
    folder = tmp_path_factory.mktemp("private-code") / "f"
    made = function(folder)
    (folder / "large").write_bytes(os.urandom(1 << 20))
    return made


async def test_file_that_one_sandbox_has_read_is_not_in_memory_for_another(
    private: SandboxBackend, configuration: FunctionConfiguration
) -> None:
    async with sandbox(private, configuration) as one, sandbox(private, configuration) as two:
        for here in (one, two):
            await here.ask(CACHED)
            assert await here.ask("answer = cached('large')") is False
            assert await here.ask("answer = len(open('large', 'rb').read())") == 1 << 20
            assert await here.ask("answer = cached('large')") is True


async def test_page_cache_counts_in_the_sandbox_that_has_it(
    private: SandboxBackend, configuration: FunctionConfiguration
) -> None:
    cached = []
    for _ in range(2):
        async with sandbox(private, configuration) as here:
            before = here.process.memory()
            if before is None:
                pytest.skip("this machine has no cgroup to read")
            await here.ask("open('large', 'rb').read()")
            after = here.process.memory()
        assert after is not None
        cached.append(after.cache - before.cache)
    assert all(size >= 1 << 19 for size in cached), "the second finds nothing in memory either"


async def test_runtime_comes_from_the_mount_where_it_is_in_the_image(
    private: SandboxBackend, configuration: FunctionConfiguration
) -> None:
    where = "open('/proc/self/mountinfo').read()"
    devices = (
        f"mounts = {{l.split()[4]: l.split(' - ')[1].split()[1] for l in {where}.splitlines()}}"
    )
    async with sandbox(private, configuration) as here:
        mounts = await here.ask(f"{devices}; answer = mounts")
    loop = {path for path, device in mounts.items() if device.startswith("/dev/loop")}
    if private.name == "docker":
        assert {"/usr/bin", "/usr/lib", "/var"} <= loop
        assert not loop & {"/", "/etc", "/tmp"}
    elif "/var/task" in mounts:  # bubblewrap
        assert loop == {"/var/task", "/opt"}


async def test_sandbox_that_is_reset_and_started_again_keeps_its_mount(
    private: SandboxBackend, configuration: FunctionConfiguration
) -> None:
    async with sandbox(private, configuration) as here:
        await here.process.reset()
        await here.event()
        await here.restart()
        assert await here.ask("answer = 5") == 5


async def test_nothing_is_left_when_sandboxes_have_ended(
    private: SandboxBackend, configuration: FunctionConfiguration, state: Path
) -> None:

    async def live() -> None:
        async with sandbox(private, configuration) as here:
            await here.ask("answer = 1")

    await asyncio.gather(*(live() for _ in range(6)))
    assert loops(state / private.name) == []
    assert mounted_below(state / private.name / "mounts") == []
    assert list((state / private.name / "mounts").iterdir()) == []


async def test_cancelled_start_leaves_no_mount(
    private: SandboxBackend, configuration: FunctionConfiguration, state: Path
) -> None:
    await private.deploy(configuration, lambda _: None)

    async def live() -> None:
        async with sandbox(private, configuration):
            pytest.fail("it was cancelled")

    for pause in (0.0005, 0.002, 0.005):
        task = asyncio.create_task(live())
        await asyncio.sleep(pause)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    assert list((state / private.name / "mounts").iterdir()) == []
    assert loops(state / private.name) == []


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from emulator.live.backends.page_cache import PrivatePages

async def main():
    pages = PrivatePages(Path(sys.argv[1]))
    pages.open()
    async def whole(_):
        return Path(sys.argv[2])
    await pages.image("package", whole)
    await asyncio.gather(*(pages.mount("package", f"sandbox-{n}") for n in range(3)))
    print("mounted", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_mounts_of_a_killed_emulator_are_taken_away_by_the_next(tmp_path: Path) -> None:
    try:
        PrivatePages(tmp_path).open()
    except SettingsError as error:
        pytest.skip(str(error))
    (tmp_path / "package").mkdir()
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(tmp_path / "package")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert said.stdout == "mounted\n", said.stderr
    assert len(mounted_below(tmp_path / "mounts")) == 3
    assert len(loops(tmp_path)) == 3
    (tmp_path / "images/.filling-x/deep").mkdir(parents=True)
    (tmp_path / "images/half.ext4.7.part").touch()
    remove_orphans(tmp_path)
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["package.ext4"]
    assert loops(tmp_path) == []
    assert list((tmp_path / "mounts").iterdir()) == []
    remove_orphans(tmp_path / "nowhere")


def test_refusal_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SettingsError, match=r"only root may mount. Use --page-cache shared"):
        PrivatePages(tmp_path).open()


@pytest.mark.parametrize(
    ("links", "bound"),
    [
        ({"sbin": "usr/sbin"}, ["/usr/bin", "/usr/lib", "/var"]),
        ({"sbin": "/usr/sbin"}, ["/usr/bin", "/usr/lib", "/var"]),
        ({"sbin": "usr/local", "usr/local": "sbin"}, ["/usr/bin", "/usr/lib", "/var"]),
        ({"sbin": "usr/both", "usr/both": "bin"}, ["/usr/lib", "/usr/sbin", "/var"]),
        ({}, ["/usr", "/var"]),
        ({"sbin": "sbin"}, ["/usr", "/var"]),
    ],
)
def test_folders_of_the_root_that_hold_files_are_bound_but_for_that_of_the_init(
    tmp_path: Path, links: dict[str, str], bound: list[str]
) -> None:
    for name in ("usr/bin/x", "usr/lib/x", "usr/sbin/x", "usr/share", "empty", "lost+found/x"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/file").touch()
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "entrypoint.sh").touch()
    for link, target in links.items():
        (tmp_path / link).symlink_to(target)
    found = bound_folders(tmp_path)
    assert [one["Target"] for one in found] == bound
    assert [one["Source"] for one in found] == [f"{tmp_path}{target}" for target in bound]
    assert all(one["ReadOnly"] for one in found)
