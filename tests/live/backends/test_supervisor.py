"""The supervisor's program under every shell that is here, and the marks in its output."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from emulator.live.backends.interface import RUNTIME
from emulator.live.backends.supervisor import Marks, Supervisor, around_the_shell, supervised

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BOUND = 20.0
"""Seconds that any one wait may take."""
SECRET = "0123456789abcdef"
SHELLS = [["dash"], ["bash", "--posix"], [os.environ.get("TESTBED_BUSYBOX", "busybox"), "sh"]]


def mark(number: int, word: str) -> bytes:
    return f"\x1e{SECRET} {number} {word}\n".encode()


# marks


@pytest.mark.parametrize("size", [1, 2, 7, 19, 1000])
def test_marks_are_found_however_the_output_is_cut(size: int) -> None:
    sent = b"half a line" + mark(1, "0") + b" and its end\n" + mark(2, "137") + mark(3, "+44")
    marks, kept, found = Marks(SECRET), b"", []
    for at in range(0, len(sent), size):
        left, here = marks.feed(1, sent[at : at + size])
        kept += left
        found += here
    assert kept + marks.rest(1) == b"half a line and its end\n"
    assert found == [(1, "0"), (2, "137"), (3, "+44")]


def test_output_is_cut_where_a_mark_was() -> None:
    marks = Marks(SECRET)
    sent = b"of one" + mark(1, "0") + mark(2, "0") + b"of the next"
    assert marks.split(1, sent) == [(b"of one", (1, "0")), (b"", (2, "0")), (b"of the next", None)]


def test_what_only_looks_like_a_mark_is_output() -> None:
    marks = Marks(SECRET)
    sent = b"\x1e\x1e0123 not the secret\n\x1e" + SECRET[:-1].encode()
    kept, found = marks.feed(1, sent)
    assert (kept + marks.rest(1), found) == (sent, [])


@pytest.mark.parametrize(
    "body", [b"zz 0", b"1 zz", b"1", b"", b"1 0 0", b"9" * 40 + b" 0", b"\xff 0", b"-1 0", b"1 +"]
)
def test_forged_mark_with_the_true_secret_is_output_and_raises_nothing(body: bytes) -> None:
    sent = b"before\x1e" + SECRET.encode() + b" " + body + b"\nafter"
    marks, heard = Marks(SECRET), Heard()
    kept, found = marks.feed(1, sent)
    assert (kept + marks.rest(1), found) == (sent, [])
    heard.supervisor.heard(found)
    assert marks.feed(1, mark(1, "0")) == (b"", [(1, "0")]), "true marks are heard afterwards"


def test_output_that_begins_like_a_mark_is_not_held_back_without_bound() -> None:
    marks = Marks(SECRET)
    marks.feed(1, b"\x1e" + SECRET.encode() + b" 12345")
    kept, _ = marks.feed(1, b"6" * 100)
    assert len(kept) > 100


def test_streams_are_apart() -> None:
    marks = Marks(SECRET)
    whole = mark(1, "0")
    assert marks.feed(1, whole[:9]) == (b"", [])
    assert marks.feed(2, whole[9:]) == (whole[9:], [])
    assert marks.feed(1, whole[9:]) == (b"", [(1, "0")])


def test_variables_that_a_shell_would_change_pass_it_by() -> None:
    assert around_the_shell({"A": "1", "LD_LIBRARY_PATH": "x"}) == []
    assert around_the_shell({"A": "1", "UID": "7", "a.b": "c d"}) == [
        "/usr/bin/env",
        "UID=7",
        "a.b=c d",
    ]


# the emulator's end


class Heard:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.told: list[object] = []
        self.supervisor = Supervisor(
            lambda line: self.sent.append(line.decode()),
            lambda name, code: self.told.append((name, code)),
            lambda: self.told.append("reset"),
        )


def test_runtime_is_started_at_once_unless_extensions_go_before_it() -> None:
    without, with_two = Heard(), Heard()
    without.supervisor.greet(())
    with_two.supervisor.greet(("one", "a b"))
    assert without.sent[1:] == ["run 1\n"]
    assert with_two.sent[1:] == ["run 1 one\n", "run 2 a b\n"]


def test_an_end_is_told_when_both_streams_have_said_it_and_once() -> None:
    here = Heard()
    here.supervisor.greet(())
    here.supervisor.heard([(1, "3")])
    assert here.told == []
    here.supervisor.heard([(1, "3"), (1, "3"), (9, "0")])
    assert here.told == [(RUNTIME, 3)]


def test_reset_ends_what_told_of_no_end_before_it() -> None:
    here = Heard()
    here.supervisor.greet(("one",))
    here.supervisor.reset()
    here.supervisor.run(RUNTIME)
    here.supervisor.heard([(2, "0"), (2, "0")])
    assert here.told == [("one", 137), "reset"]
    here.supervisor.terminate("one")
    here.supervisor.terminate(RUNTIME)
    assert here.sent[-2:] == ["run 3\n", "term 3\n"]


def test_what_runs_is_not_started_twice() -> None:
    here = Heard()
    here.supervisor.greet(())
    here.supervisor.run(RUNTIME)
    assert here.sent[1:] == ["run 1\n"]


# the program


class Started(Heard):
    """A supervisor under a shell of this machine, whose runtime is a Python program."""

    process: asyncio.subprocess.Process

    def __init__(self) -> None:
        super().__init__()
        self.commands = -1
        self.output = {1: b"", 2: b""}
        self.news = asyncio.Event()
        self.supervisor = Supervisor(self._send, self._ended, lambda: self._tell("reset"))

    def _send(self, line: bytes) -> None:
        os.write(self.commands, line)

    def hang_up(self) -> None:
        if self.commands >= 0:
            os.close(self.commands)
            self.commands = -1

    def _ended(self, name: str, code: int) -> None:
        self._tell((name, code))

    def _tell(self, what: object) -> None:
        self.told.append(what)
        self.news.set()

    async def read(self, stream: int, source: asyncio.StreamReader) -> None:
        while piece := await source.read(1000):
            kept, marks = self.supervisor.marks.feed(stream, piece)
            self.output[stream] += kept
            self.supervisor.heard(marks)
            self.news.set()

    async def until(self, *expected: object) -> None:
        async with asyncio.timeout(BOUND):
            while self.told != list(expected):
                self.news.clear()
                await self.news.wait()

    async def says(self, text: bytes) -> None:
        async with asyncio.timeout(BOUND):
            while text not in self.output[1]:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def started(
    shell: list[str], code: str, folder: Path, extensions: tuple[str, ...] = ()
) -> AsyncIterator[Started]:
    here = Started()
    # never with own_processes here: this is a process of the host
    command = [sys.executable, "-S", "-c", code]
    words = supervised(command, own_processes=False, folder=str(folder))
    inner, here.commands = os.pipe()  # asyncio's own is a socket, which bash takes for a login
    here.process = await asyncio.create_subprocess_exec(
        *shell, *words[1:], stdin=inner, stdout=-1, stderr=-1, env={"_HANDLER": "x"}
    )
    os.close(inner)
    assert here.process.stdout
    assert here.process.stderr
    readers = [
        asyncio.create_task(here.read(1, here.process.stdout)),
        asyncio.create_task(here.read(2, here.process.stderr)),
    ]
    try:
        here.supervisor.greet(extensions)
        yield here
    finally:
        here.hang_up()
        async with asyncio.timeout(BOUND):
            await here.process.wait()
            await asyncio.gather(*readers)


@pytest.fixture(params=SHELLS, ids=lambda words: os.path.basename(words[0]))  # noqa: PTH119
def shell(request: pytest.FixtureRequest) -> list[str]:
    if shutil.which(request.param[0]) is None:
        pytest.skip(f"{request.param[0]} is not here")
    return list(request.param)


pytestmark = pytest.mark.anyio
WAITS = "import time; print('up', flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("print('out', end='', flush=True); import sys; sys.exit(3)", 3),
        ("import os; print('out', end='', flush=True); os.kill(os.getpid(), 9)", 137),
        ("import os; print('out', end='', flush=True); os.kill(os.getpid(), 15)", 143),
    ],
)
async def test_end_is_told_with_its_code_after_the_last_output(
    shell: list[str], tmp_path: Path, code: str, status: int
) -> None:
    async with started(shell, code, tmp_path) as here:
        for times in (1, 2, 3):
            await here.until(*[(RUNTIME, status)] * times)
            assert here.output == {1: b"out" * times, 2: b""}
            if times < 3:
                here.supervisor.run(RUNTIME)


async def test_program_that_is_not_there_ends_with_127(shell: list[str], tmp_path: Path) -> None:
    async with started(shell, "pass", tmp_path, ("absent",)) as here:
        await here.until(("absent", 127))
        assert b"absent" in here.output[2], "the shell has said why"


async def test_echo_comes_after_all_that_was_written_before_and_ends_nothing(
    shell: list[str], tmp_path: Path
) -> None:
    code = f"import sys; print('x' * 60_000); print('error', file=sys.stderr); {WAITS}"
    async with started(shell, code, tmp_path) as here:
        await here.says(b"xxx")
        for number in (1, 2):
            here.supervisor.echo(lambda number=number: here.told.append(number))  # type: ignore[misc]
        await here.until(1, 2)
        (runtime,) = here.supervisor.groups()
        os.kill(runtime, 9)
        await here.until(1, 2, (RUNTIME, 137))


async def test_sigterm_reaches_the_runtime_and_its_answer_is_told(
    shell: list[str], tmp_path: Path
) -> None:
    code = f"import os, signal; signal.signal(15, lambda *_: os._exit(5)); {WAITS}"
    async with started(shell, code, tmp_path) as here:
        await here.says(b"up")
        here.supervisor.terminate(RUNTIME)
        here.supervisor.terminate(RUNTIME)
        await here.until((RUNTIME, 5))


async def test_sigterm_that_is_ignored_changes_nothing(shell: list[str], tmp_path: Path) -> None:
    code = f"import signal; signal.signal(15, signal.SIG_IGN); {WAITS}"
    async with started(shell, code, tmp_path) as here:
        await here.says(b"up")
        here.supervisor.terminate(RUNTIME)
        here.supervisor.terminate(RUNTIME)
        (runtime,) = here.supervisor.groups()
        os.kill(runtime, 9)
        here.supervisor.reset()
        await here.until((RUNTIME, 137), "reset")


async def test_commands_one_upon_another_are_carried_out_in_order(
    shell: list[str], tmp_path: Path
) -> None:
    async with started(shell, WAITS, tmp_path) as here:
        for _ in range(10):
            here.supervisor.terminate(RUNTIME)
            here.supervisor.reset()
            here.supervisor.run(RUNTIME)
        here.supervisor.reset()
        async with asyncio.timeout(BOUND):
            while here.told.count("reset") < 11:
                here.news.clear()
                await here.news.wait()
        assert here.told[-1] == "reset"
        assert {what[0] for what in here.told if isinstance(what, tuple)} == {RUNTIME}


async def test_extension_runs_beside_the_runtime_without_its_variables(
    shell: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a b").write_text('#!/bin/sh\necho "extension:$_HANDLER:"\nexit 4\n')
    (tmp_path / "a b").chmod(0o755)
    code = f"import os; print('runtime', os.environ['_HANDLER'], flush=True); {WAITS}"
    async with started(shell, code, tmp_path, ("a b",)) as here:
        here.supervisor.run(RUNTIME)
        await here.until(("a b", 4))
        await here.says(b"runtime x")
        assert b"extension::" in here.output[1]


async def test_end_that_went_by_unheard_is_told_when_asked(
    shell: list[str], tmp_path: Path
) -> None:
    async with started(shell, "import os; os._exit(6)", tmp_path) as here:
        lost: list[tuple[int, str]] = []
        heard, here.supervisor.heard = here.supervisor.heard, lost.extend  # type: ignore[method-assign]
        async with asyncio.timeout(BOUND):
            while (1, "6") not in lost:
                here.news.clear()
                await here.news.wait()
            here.supervisor.heard = heard  # type: ignore[method-assign]
            while not here.told:  # what it asks about may not be quite over
                here.supervisor.ask()
                with suppress(TimeoutError):
                    await asyncio.wait_for(here.until((RUNTIME, 6)), 0.1)


async def test_secret_and_names_are_not_in_the_environment(
    shell: list[str], tmp_path: Path
) -> None:
    code = "import os; print(sorted(os.environ), flush=True)"
    async with started(shell, code, tmp_path) as here:
        await here.until((RUNTIME, 0))
        left = set(eval(here.output[1])) - {"_HANDLER", "PWD", "SHLVL", "_", "OLDPWD", "PATH"}
        assert left <= {"LC_CTYPE"}, left


async def test_runtime_dies_when_nobody_commands_any_more(shell: list[str], tmp_path: Path) -> None:
    async with started(shell, WAITS, tmp_path) as here:
        await here.says(b"up")
        here.hang_up()
        await here.until((RUNTIME, 137))
