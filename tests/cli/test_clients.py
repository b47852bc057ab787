from __future__ import annotations

import http.server
import json
import os
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from emulator.cli import main
from tests.emulator_process import BOUND, Emulator, write_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

INVOKE = "/2015-03-31/functions/echo/invocations"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("up")
    with Emulator(write_template(folder), folder / "state", "--backend", "process") as here:
        yield here


def eventually(look: Callable[[], bool]) -> None:
    """Waits for what follows an answer a moment later."""
    deadline = time.monotonic() + BOUND
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
    sandboxes = f"{emulator.url}/_testbed/sandboxes"
    eventually(lambda: {row["state"] for row in httpx.get(sandboxes).json()} == {"idle"})
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
    log = f"{emulator.url}/_testbed/logs/echo"
    eventually(lambda: f"REPORT RequestId: {request_id}" in httpx.get(log).text)
    assert main(["logs", "echo", "--url", emulator.url]) == 0
    lines = capsys.readouterr().out.splitlines()
    own = [line for line in lines if request_id in line or line == "seen unmistakable"]
    assert [line.split()[0] for line in own] == ["START", "seen", "END", "REPORT"]


def test_clients_say_where_no_emulator_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--url", "http://127.0.0.1:9"]) == 1
    assert "No emulator answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_invoke_prints_json_for_a_script(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "echo", "--url", emulator.url, "--payload", "[1]", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["function_error"], told["payload"]) == (200, None, [1])
    assert told["start"] in {"cold", "warm"}
    assert told["took_ms"] > 0
    assert set(told) >= {"request_id", "sandbox"}


def test_invoke_prints_json_of_a_refusal_too(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "nobody", "--url", emulator.url, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == 404
    assert "Function not found" in str(told["payload"])


def test_ps_prints_json_for_a_script(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["invoke", "echo", "--url", emulator.url])
    capsys.readouterr()
    assert main(["ps", "--url", emulator.url, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["function"] == "echo"
    assert {"id", "function", "state", "age_s", "idle_s", "memory_mb"} <= set(rows[0])


def test_ps_is_neither_coloured_nor_cut_in_a_pipe(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    main(["invoke", "echo", "--url", emulator.url])
    capsys.readouterr()
    main(["ps", "--url", emulator.url])
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert told.splitlines()[1].endswith(" MB")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "ftp://127.0.0.1",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://",
        "http://127.0.0.1:0",
    ],
)
def test_url_that_is_none_is_named(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--url", url]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"testbed: --url: {url!r} is no address")
    assert len(told.splitlines()) == 1


def test_server_that_is_no_emulator_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert main(["ps", "--url", url]) == 1
        server.shutdown()
        thread.join()
    assert f"What serves at {url} is no emulator" in capsys.readouterr().err


def test_payload_that_is_no_utf8_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "event").write_bytes(b'"\xff"')
    for payload in (f"@{tmp_path}/event", os.fsdecode(b'"\xff"')):
        assert main(["invoke", "echo", "--payload", payload]) == 2
        assert "The payload is not UTF-8: byte 1 is wrong." in capsys.readouterr().err


@pytest.mark.parametrize("named", ["@none.json", "@", "@a\0b"])
def test_payload_that_cannot_be_read_is_named(
    named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "echo", "--payload", named]) == 2
    said = capsys.readouterr().err
    assert "The payload cannot be read" in said
    assert "[Errno" not in said
