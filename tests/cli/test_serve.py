from __future__ import annotations

import contextlib
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
    assert "--keep-alive: 'soon' is neither seconds nor one of aws-2018" in error


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "box.example"])
def test_open_address_needs_a_word_about_who_may_call(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--host", host, "--template", "no/such.yaml"]) == 2
    error = capsys.readouterr().err
    assert f"On {host} other machines reach the gateway" in error
    assert "--auth strict" in error
    assert "--auth off" in error


@pytest.mark.parametrize("words", [["--host", "0.0.0.0", "--auth", "off"], ["--host", "::1"], []])
def test_word_or_a_loopback_address_is_enough(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", *words, "--template", "no/such.yaml"]) == 2
    assert "no/such.yaml" in capsys.readouterr().err  # the next fault


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--no-companion"], "leave out --no-companion"),
        (["--aws-endpoint", "iam=http://127.0.0.1:1"], "leave out --aws-endpoint iam="),
    ],
)
def test_strict_needs_the_companions_iam(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--auth", "strict", "--template", "no/such.yaml", *words]) == 2
    assert told in capsys.readouterr().err


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
    deadline = time.monotonic() + BOUND / 2
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


@pytest.mark.parametrize("option", ["--state-dir", "--run-dir"])
def test_folder_that_cannot_be_written_is_named(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "below"
    arguments = ["--template", str(write_template(tmp_path)), "--port", "0"]
    arguments += ["--backend", "process", "--state-dir", str(tmp_path / "state")]
    assert main(["up", *arguments, option, str(folder)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("testbed: ")
    assert f"{folder} cannot be written: Not a directory" in told
    assert f"name another with {option}" in told
    assert len(told.splitlines()) == 1


def test_port_that_does_not_exist_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--template", str(write_template(tmp_path)), "--state-dir", str(tmp_path / "s")]
    assert main(["up", "--port", "99999", *arguments]) == 2
    assert "99999" in (told := capsys.readouterr().err)
    assert len(told.splitlines()) == 1


def test_empty_folder_is_told_of_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["up"]) == 2
    assert "`testbed init` writes a small project" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_settings_file_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    for name in ("none.toml", "bytes.toml"):
        assert main(["up", "--settings", str(tmp_path / name)]) == 2
        assert str(tmp_path / name) in capsys.readouterr().err


@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_tells_of_deployment_and_stop(tmp_path: Path, *, verbose: bool) -> None:
    options = ("--backend", "process", *(("--verbose",) if verbose else ()))
    with Emulator(write_template(tmp_path), tmp_path / "state", *options) as here:
        httpx.post(here.url + INVOKE, content=b"{}")
        here.end()
    told = [line for line in here.lines if line.startswith("INFO emulator.")]
    assert any("made echo" in line for line in told) is verbose
    assert bool(told) is verbose


def test_stop_answers_open_requests_and_prints_no_traceback(tmp_path: Path) -> None:
    answers: list[httpx.Response] = []
    with Emulator(write_template(tmp_path), tmp_path / "state", "--backend", "process") as here:

        def ask() -> None:
            answers.append(httpx.post(here.url + INVOKE, content=b'{"sleep": 25}', timeout=BOUND))

        caller = threading.Thread(target=ask)
        caller.start()
        wait_until_busy(here.url)
        assert here.end(signal.SIGTERM) == 0
        caller.join(BOUND)
    assert [answer.status_code for answer in answers] == [503]
    assert "stopping" in answers[0].json()["message"]
    assert "Traceback" not in "".join(here.lines)


def wait_until_busy(url: str) -> None:
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        rows = httpx.get(f"{url}/_testbed/sandboxes", timeout=BOUND).json()
        if any(row["state"] == "busy" for row in rows):
            return
        time.sleep(0.02)
    raise AssertionError("no sandbox became busy")
