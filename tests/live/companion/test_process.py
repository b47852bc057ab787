"""The companion's life: started when asked for, shared, bounded, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from emulator.errors import CompanionError
from emulator.live.companion.process import Companion, companion_environment
from tests.processes import gone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
PRINTS_A_PORT = "import sys; print(1234, flush=True); sys.stdin.read()"


def scripted(folder: Path, code: str, patience: float = 20.0) -> Companion:
    command = (sys.executable, "-c", code)
    return Companion(folder / "companion.log", command=command, patience=patience)


@pytest.fixture
async def companion(tmp_path: Path) -> AsyncIterator[Companion]:
    here = Companion(tmp_path / "companion.log")
    yield here
    await here.close()


async def test_it_is_not_started_before_it_is_asked_for(companion: Companion) -> None:
    assert companion.pid is None


async def test_it_serves_where_it_says(companion: Companion) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(await companion.url() + "/moto-api/data.json")
    assert answer.status_code == 200


async def test_close_leaves_no_process(companion: Companion) -> None:
    await companion.url()
    pid = companion.pid
    assert pid is not None
    await companion.close()
    assert companion.pid is None
    assert gone(pid)


async def test_it_has_a_session_of_its_own(companion: Companion) -> None:
    await companion.url()
    assert companion.pid is not None
    assert os.getsid(companion.pid) == companion.pid


async def test_waiters_share_one_start(tmp_path: Path) -> None:
    here = scripted(tmp_path, f"import sys; sys.stderr.write('started ')\n{PRINTS_A_PORT}")
    urls = await asyncio.gather(here.url(), here.url(), here.url())
    await here.close()
    assert set(urls) == {"http://127.0.0.1:1234"}
    assert (tmp_path / "companion.log").read_text() == "started "


async def test_a_waiter_that_leaves_does_not_end_the_start_of_others(tmp_path: Path) -> None:
    here = scripted(tmp_path, PRINTS_A_PORT)
    leaving, staying = asyncio.create_task(here.url()), asyncio.create_task(here.url())
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "http://127.0.0.1:1234"
    assert leaving.cancelled()
    await here.close()


async def test_one_that_ended_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = scripted(tmp_path, PRINTS_A_PORT)
    await here.url()
    first = here.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert here._process is not None
    await here._process.wait()
    await here.url()
    assert here.pid not in (None, first)
    assert "starts anew, with users and roles alone" in caplog.text
    await here.close()


async def test_one_that_cannot_start_is_told_in_its_last_words(tmp_path: Path) -> None:
    here = scripted(tmp_path, "import no_such_module")
    with pytest.raises(CompanionError, match="No module named 'no_such_module'"):
        await here.url()
    assert here.pid is None
    await here.close()


async def test_one_that_misses_moto_names_the_line_that_installs_it(tmp_path: Path) -> None:
    here = scripted(tmp_path, "import moto_that_is_not_there")
    with pytest.raises(CompanionError, match=r"pip install 'serverless-testbed\[aws\]'"):
        await here.url()
    await here.close()


async def test_one_that_hangs_is_given_up_and_killed(tmp_path: Path) -> None:
    here = scripted(tmp_path, "import time; time.sleep(600)", patience=0.2)
    with pytest.raises(CompanionError, match=r"did not serve within 0\.2 s"):
        await here.url()
    assert here.pid is None
    await here.close()


async def test_close_ends_a_start_under_way(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    os.mkfifo(runs)
    here = scripted(tmp_path, f"import sys; open({str(runs)!r}, 'w').close(); sys.stdin.read()")
    starting = asyncio.create_task(here.url())
    await asyncio.to_thread(runs.read_bytes)  # returns when the script has opened it
    pid = here.pid
    await here.close()
    await asyncio.wait([starting])
    assert starting.cancelled()
    assert pid is not None
    assert gone(pid)


def test_kill_9_of_its_owner_leaves_none_behind(tmp_path: Path) -> None:
    owner = f"""\
        import asyncio, os, pathlib, signal
        from emulator.live.companion.process import Companion

        async def main():
            companion = Companion(pathlib.Path({str(tmp_path)!r}) / "companion.log")
            await companion.url()
            print(companion.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
        """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(owner)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert gone(int(ended.stdout))


def test_it_does_not_see_an_endpoint_that_is_set_for_others() -> None:
    environ = {"PATH": "/bin", "AWS_ENDPOINT_URL": "http://elsewhere", "MOTO_PORT": "1"}
    assert companion_environment(environ) == {"PATH": "/bin", "MOTO_PORT": "1"}
