from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import BackendUnavailableError
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.backends.limitations import Limitation
from tests.live.backends.docker.scripted_engine import chunks, engine_that, json_answer, quiet

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.anyio
async def test_no_engine_is_one_sentence(tmp_path: Path) -> None:
    backend = DockerBackend("none", environ={"DOCKER_HOST": f"unix://{tmp_path}/none"})
    with pytest.raises(BackendUnavailableError) as raised:
        await backend.check((), quiet)
    await backend.close()
    assert str(raised.value) == f"No Docker engine answers at unix://{tmp_path}/none."


@pytest.mark.anyio
async def test_engine_behind_ssh_is_refused() -> None:
    backend = DockerBackend("none", environ={"DOCKER_HOST": "ssh://somewhere"})
    with pytest.raises(BackendUnavailableError, match="only unix:// and tcp:// can"):
        await backend.open()
    await backend.close()


@pytest.mark.anyio
async def test_engine_in_a_virtual_machine_is_used_and_what_it_lacks_is_told(
    tmp_path: Path,
) -> None:
    info = {"OSType": "linux", "OperatingSystem": "Docker Desktop", "NCPU": 2, "ID": "e"}
    answers = {
        "/info": json_answer(info | {"DockerRootDir": "/var/lib/docker"}),
        "/events": chunks(last=False),
        "/containers/json": json_answer([]),
        "/json": json_answer({"message": "no such container"}, "404 Not Found"),
    }
    async with engine_that(tmp_path, answers) as engine:
        backend = DockerBackend(
            "d", environ={"DOCKER_HOST": engine.address}, stem_cells=tmp_path / "files"
        )
        await backend.open()
        assert (backend.runtime_api_host, backend.runtime_api_name) == (
            "127.0.0.1",
            "host.docker.internal",
        )
        assert backend.storage == ()
        assert await backend.listen_inside() is None
        lacking = {
            Limitation.SHARED_RUNTIME_API,
            Limitation.NEIGHBOURS_REACHABLE,
            Limitation.NO_SNAPSHOTS,
            Limitation.NO_STEM_CELLS,
            Limitation.UNFROZEN,
        }
        assert lacking <= backend.unenforced.keys()
        assert (backend.snapshots, backend.stem_cells) == (None, None)
        await backend.close()
