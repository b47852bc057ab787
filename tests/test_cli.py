"""The `testbed` command as a user meets it, on the process backend."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from emulator.cli import main
from tests.docker_engine import containers_of, require_docker
from tests.emulator_process import BOUND, Emulator, write_template

if TYPE_CHECKING:
    from collections.abc import Iterator

INVOKE = "/2015-03-31/functions/echo/invocations"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("up")
    with Emulator(write_template(folder), folder / "state", "--backend", "process") as here:
        yield here


def test_invoke_prints_the_answer_and_how_it_started(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["invoke", "echo", "--url", emulator.url, "--payload", '{"a":1}']) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": 1}
    assert "start" in err
    (tmp_path / "event.json").write_text("[2]")
    assert (
        main(["invoke", "echo", "--url", emulator.url, "--payload", f"@{tmp_path}/event.json"]) == 0
    )
    assert capsys.readouterr().out == "[2]\n"


def test_invoke_of_an_unknown_function_says_so(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "nobody", "--url", emulator.url]) == 1
    assert "Function not found" in capsys.readouterr().out


def test_ps_lists_the_sandboxes(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    main(["invoke", "echo", "--url", emulator.url])
    capsys.readouterr()
    assert main(["ps", "--url", emulator.url]) == 0
    head, row, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "FUNCTION", "STATE", "AGE", "IDLE", "MEMORY"]
    assert row.split()[1:3] == ["echo", "idle"]


def test_logs_show_what_the_function_printed_between_lambdas_lines(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = httpx.post(emulator.url + INVOKE, content=b'"unmistakable"')
    request_id = answer.headers["x-amzn-requestid"]
    assert main(["logs", "echo", "--url", emulator.url]) == 0
    lines = capsys.readouterr().out.splitlines()
    own = [line for line in lines if request_id in line or line == "seen unmistakable"]
    assert [line.split()[0] for line in own] == ["START", "seen", "END", "REPORT"]


def test_clients_say_where_no_emulator_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--url", "http://127.0.0.1:9"]) == 2
    assert "No emulator answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_second_emulator_of_one_state_directory_is_refused(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    state = emulator._arguments[emulator._arguments.index("--state-dir") + 1]
    template = write_template(tmp_path)
    assert main(["up", "--template", str(template), "--state-dir", state]) == 2
    assert "Another emulator uses the state directory" in capsys.readouterr().err


def test_port_that_is_taken_is_named(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    port = emulator.url.rpartition(":")[2]
    arguments = ["--template", str(write_template(tmp_path)), "--state-dir", str(tmp_path / "s")]
    assert main(["up", "--backend", "process", "--port", port, *arguments]) == 2
    assert f"Port {port} of 127.0.0.1 is taken" in capsys.readouterr().err


def test_settings_faults_come_all_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--idle-speedup", "0", "--keep-alive", "soon"]) == 2
    error = capsys.readouterr().err
    assert "--idle-speedup: '0' is not above 0" in error
    assert "--keep-alive: 'soon' is not a number" in error


def test_template_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--template", "no/such.yaml"]) == 2
    assert "no/such.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_with_nothing_left(tmp_path: Path, number: int) -> None:
    with Emulator(write_template(tmp_path), tmp_path / "state", "--backend", "process") as here:
        httpx.post(here.url + INVOKE, content=b"{}")
        marker = str(tmp_path)
        assert here.end(number) == 0
    assert not processes_left(marker)


@pytest.mark.parametrize("backend", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_after_kill_9_under_load_a_restart_serves_and_no_orphan_is_left(
    tmp_path: Path, backend: str
) -> None:
    if backend == "docker":
        require_docker()
    template, state = write_template(tmp_path), tmp_path / "state"
    options = ("--backend", backend)
    with Emulator(template, state, *options) as here:
        callers = [threading.Thread(target=_call, args=(here.url,)) for _ in range(8)]
        for caller in callers:
            caller.start()
        httpx.post(here.url + INVOKE, content=b"{}", timeout=BOUND)
        here.end(signal.SIGKILL)
        for caller in callers:
            caller.join(BOUND)
    with Emulator(template, state, *options) as here:
        assert httpx.post(here.url + INVOKE, content=b"5", timeout=BOUND).json() == 5
        assert len(httpx.get(here.url + "/_testbed/sandboxes").json()) == 1
        assert here.end() == 0, "".join(here.lines)
        left = containers_of(state) if backend == "docker" else []
    assert not left
    assert not processes_left(str(tmp_path))


def _call(url: str) -> None:
    with contextlib.suppress(httpx.HTTPError):
        while True:
            httpx.post(url + INVOKE, content=b'{"sleep": 0.05}', timeout=BOUND)


def processes_left(marker: str) -> list[str]:
    """What still lives after a while: the guard of a killed emulator takes one to clear up."""
    deadline = time.monotonic() + 10
    while (found := processes_of(marker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def processes_of(marker: str) -> list[str]:
    """Command lines of live processes that name the folder, which is this test's own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if marker in line:
                found.append(line)
    return found
