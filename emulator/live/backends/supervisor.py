"""Speaks with a sandbox's first process, a small shell program, over its two pipes.

The supervisor outlives the runtime: it takes one-line commands on its standard input, runs the
runtime and extensions as its grandchildren, and tells the end of each by a mark on its standard
output and standard error, through which their own output comes too. This module owns the commands
and the marks, `supervisor.sh` beside it is the program; neither knows a backend.

The program is POSIX shell and uses builtin commands alone, as an image may have nothing else. A
shell starts what it does not wait for with SIGINT and SIGQUIT ignored, and nothing in POSIX shell
undoes that, so a sandbox's processes have the two ignored until they say otherwise.

A mark carries a secret that comes on standard input. Where the supervisor is another user than
the function (see `UserSwitch`), the function can neither read the secret nor signal the
supervisor; where it is the same, a function that looks for the secret in the supervisor's memory
finds it, and can pretend an end of its own sandbox's processes, but nothing of another sandbox.
A mark is written at once (it is shorter than PIPE_BUF), wherever the lines around it begin and
end, and is taken out again without a trace.
"""

from __future__ import annotations

import importlib.resources
import itertools
import re
import secrets
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

from emulator.live.backends.interface import RUNTIME

EXTENSIONS = "/opt/extensions"
KILLED = 137
"""128 + SIGKILL."""
_MARK = b"\x1e"
_BODY = re.compile(rb"([0-9]{1,9}) ([+-]?[0-9]{1,9})\n")
_LONGEST = 21
"""Bytes of a mark after its secret, its newline included."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_OWN = re.compile(
    r"UID|EUID|PPID|IFS|OPTIND|OPTARG|PWD|OLDPWD|PS[124]|LINENO|SHLVL|RANDOM|SECONDS|_"
    r"|BASH.*|SHELLOPTS|DIRSTACK|FUNCNAME|GROUPS|HOSTNAME|HOSTTYPE|MACHTYPE|OSTYPE|_tb_.*"
)
"""Variables that some shell sets, or refuses to be given."""
_NOT_FOR_EXTENSIONS = (
    *("AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    *("AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR"),
    *("LAMBDA_TASK_ROOT", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_HANDLER"),
)
"""Source: "Lambda Extensions API", developer guide, on an extension's environment."""

_PROGRAM = re.sub(
    r"(?m)^#.*\n", "", importlib.resources.files(__package__).joinpath("supervisor.sh").read_text()
)
_ANNOUNCE = '_tb_say "$_tb_n" "+$_tb_child"'
# all processes that it can see; outside of a process namespace that is everybody's on the host
_KILL_ALL = 'if [ "$PPID" = 1 ]; then kill -KILL -1; fi'
_SWEEP = 'if [ "$PPID" = 1 ]; then while kill -KILL -1; do :; done; fi'
# a shell may overlook a signal that comes just before its `wait`, so the backend kills the groups
# that it knows of itself, and this is for those that are as yet unannounced
_KILL_KNOWN = 'for _tb_one in $_tb_all; do kill -USR1 "$_tb_one"; done'


@dataclass(frozen=True, slots=True)
class UserSwitch:
    """Says how a supervisor that is root starts everything else as another user."""

    words: tuple[str, ...]
    """Words before a command that run it as that user, in the same process."""
    before: str = ":"
    """A shell command that prepares this, before anything of the function runs."""


def supervised(
    command: Sequence[str],
    *,
    own_processes: bool,
    extension: Sequence[str] = (),
    folder: str = EXTENSIONS,
    name: str = "testbed-supervisor",
    switch: UserSwitch | None = None,
) -> list[str]:
    """Returns the words that start a supervisor of `command`, the runtime's.

    `own_processes` says that the supervisor is the only child of the first process of a
    namespace, and may kill all that it sees; where not, it announces the process id of each
    process that it starts. `extension` are words before an extension's path in `folder`. `name`
    is seen in lists of processes. Without `switch` all processes have the supervisor's user.
    """
    starter = " ".join(map(quote, extension))
    words = {
        "before": switch.before if switch else ":",
        "switch": " ".join(map(quote, switch.words)) if switch else "",
        "hidden": " ".join(_NOT_FOR_EXTENSIONS),
        "extension": f"{starter}{quote(folder)}/",
        "announce": ":" if own_processes else _ANNOUNCE,
        "kill": _KILL_ALL if own_processes else _KILL_KNOWN,
        "sweep": _SWEEP if own_processes else ":",
    }
    program = re.sub(r"@(\w+)@", lambda found: words[found[1]], _PROGRAM)
    return ["/bin/sh", "-c", program, name, *command]


def around_the_shell(environment: Mapping[str, str], more: Iterable[str] = ()) -> list[str]:
    """Returns words before a command that give it the variables that a shell keeps to itself.

    `more` names other variables of the environment to be given in the same way.
    """
    own = [*shells_own(environment), *more]
    return ["/usr/bin/env", *(f"{name}={environment[name]}" for name in own)] if own else []


def shells_own(environment: Mapping[str, str]) -> list[str]:
    """Returns the names of the variables that some shell changes, refuses or does not export."""
    return [
        name for name in environment if _SHELLS_OWN.fullmatch(name) or not _VARIABLE.fullmatch(name)
    ]


class Marks:
    """Takes the supervisor's marks out of what it and the sandbox's processes wrote.

    Whatever looks like a mark but is none (a wrong secret, no number) is output, and stays there.
    """

    def __init__(self, secret: str) -> None:
        self._mark = _MARK + secret.encode() + b" "
        self._held: dict[int, bytes] = {}
        """What may be the beginning of a mark, of each stream."""

    def feed(self, stream: int, piece: bytes) -> tuple[bytes, list[tuple[int, str]]]:
        """Returns what is left of a piece, and number and word of each mark that ends in it."""
        split = self.split(stream, piece)
        return b"".join(kept for kept, _ in split), [mark for _, mark in split if mark is not None]

    def split(self, stream: int, piece: bytes) -> list[tuple[bytes, tuple[int, str] | None]]:
        """Returns what is left of a piece, cut where a mark was, each part with the mark after."""
        text = self._held.pop(stream, b"") + piece
        if _MARK not in text:
            return [(text, None)]
        split: list[tuple[bytes, tuple[int, str] | None]] = []
        kept: list[bytes] = []
        at = 0
        while (begin := text.find(_MARK, at)) >= 0:
            kept.append(text[at:begin])
            rest = text[begin : begin + len(self._mark) + _LONGEST]
            whole = _BODY.match(rest, len(self._mark)) if rest.startswith(self._mark) else None
            if whole:
                split.append((b"".join(kept), (int(whole[1]), whole[2].decode())))
                kept.clear()
                at = begin + whole.end()
            elif self._may_go_on(rest):
                self._held[stream] = text[begin:]
                return [*split, (b"".join(kept), None)]
            else:
                kept.append(_MARK)
                at = begin + len(_MARK)
        return [*split, (b"".join(kept) + text[at:], None)]

    def _may_go_on(self, text: bytes) -> bool:
        """Returns whether more output could make a mark of `text`, which is not a whole one."""
        size = len(self._mark)
        if len(text) <= size:
            return self._mark.startswith(text)
        short = len(text) < size + _LONGEST and b"\n" not in text
        return short and text.startswith(self._mark)

    def rest(self, stream: int) -> bytes:
        """Returns what was held back of a stream that has ended: it was no mark."""
        return self._held.pop(stream, b"")


@dataclass(slots=True)
class _Task:
    """Holds a command whose end the supervisor will tell, on both streams."""

    name: str
    """The name of a process; empty for a reset and for an echo."""
    echoed: Callable[[], None] | None = None
    """What is called at the end of an echo."""
    pid: int = 0
    """The id of the process, where the supervisor announces it."""
    marks: int = 0
    """How many of the two streams have told the end."""


class Supervisor:
    """Commands one supervisor and understands its marks, at the emulator's end of the pipes.

    `send` takes what goes to the supervisor's standard input, `ended` the name of a process and
    its exit code; `was_reset` is called when all processes are gone.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        ended: Callable[[str, int], None],
        was_reset: Callable[[], None],
    ) -> None:
        self._secret = secrets.token_hex(16)
        self.marks = Marks(self._secret)
        self._send = send
        self._ended = ended
        self._was_reset = was_reset
        self._numbers = itertools.count(1)
        self._tasks: dict[int, _Task] = {}

    def greet(self, extensions: Iterable[str]) -> None:
        """Sends what the supervisor must have first: the secret, and what to start."""
        self._send(f"{self._secret}\n".encode())
        for name in tuple(extensions) or (RUNTIME,):
            self.run(name)

    def run(self, name: str) -> None:
        """Starts a process, unless it runs already."""
        if not self._running(name):
            file = "" if name == RUNTIME else name
            self._tasks[self._command("run", file)] = _Task(name)

    def terminate(self, name: str) -> None:
        for number in self._running(name):
            self._send(f"term {number}\n".encode())

    def reset(self) -> None:
        self._tasks[self._command("reset")] = _Task("")

    def echo(self, echoed: Callable[[], None]) -> None:
        """Calls `echoed` when all is read that was written until the supervisor hears of this."""
        self._tasks[self._command("echo")] = _Task("", echoed)

    def ask(self) -> None:
        """Has the supervisor tell again which processes ended, where marks were lost."""
        for number in [number for number, task in self._tasks.items() if task.echoed]:
            self._over(number, 0)
        for number, task in self._tasks.items():
            task.marks = 0
            if task.name:
                self._send(f"ask {number}\n".encode())
        if any(not task.name for task in self._tasks.values()):
            self.reset()

    def groups(self) -> list[int]:
        """Returns the process groups of what runs, where the supervisor announces them."""
        return [task.pid for task in self._tasks.values() if task.pid]

    def heard(self, marks: Iterable[tuple[int, str]]) -> None:
        """Acts on what `Marks.feed` found, when the output before was passed on."""
        for number, word in marks:
            task = self._tasks.get(number)
            if task is None:
                continue
            if word.startswith("+"):
                task.pid = int(word)
                continue
            task.marks += 1
            if task.marks == 2:  # noqa: PLR2004  # standard output and standard error
                self._over(number, int(word))

    def _over(self, number: int, code: int) -> None:
        task = self._tasks.pop(number)
        if task.name:
            self._ended(task.name, code)
            return
        if task.echoed is not None:
            task.echoed()
            return
        for earlier in [one for one in self._tasks if one < number]:
            lost = self._tasks.pop(earlier)  # somebody killed what would have told of it
            if lost.name:
                self._ended(lost.name, KILLED)
        self._was_reset()

    def _running(self, name: str) -> list[int]:
        return [number for number, task in self._tasks.items() if task.name == name]

    def _command(self, verb: str, name: str = "") -> int:
        number = next(self._numbers)
        self._send(f"{verb} {number} {name}".rstrip(" ").encode() + b"\n")
        return number
