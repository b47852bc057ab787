"""A sandbox's first process, a small shell program, and the emulator's end of its two pipes.

The supervisor outlives the runtime: it takes one-line commands on its standard input, runs the
runtime and extensions as its grandchildren, and tells the end of each by a mark on its standard
output and standard error, through which their own output comes too. It owns the program's text,
the commands and the marks; it knows neither backend.

The program is POSIX shell and uses builtin commands alone, as an image may have nothing else. A
shell starts what it does not wait for with SIGINT and SIGQUIT ignored, and nothing in POSIX shell
undoes that, so a sandbox's processes have the two ignored until they say otherwise.

The mark carries a secret that comes on standard input, so no output of a function is taken for
one by chance. It is written at once (it is shorter than PIPE_BUF), wherever the lines around it
begin and end, and is taken out again without a trace.
"""

from __future__ import annotations

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
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_OWN = re.compile(
    r"UID|EUID|PPID|IFS|OPTIND|OPTARG|PWD|OLDPWD|PS[124]|LINENO|SHLVL|RANDOM|SECONDS|_"
    r"|BASH.*|SHELLOPTS|DIRSTACK|FUNCNAME|GROUPS|HOSTNAME|HOSTTYPE|MACHTYPE|OSTYPE|_tb_.*"
)
"""Variables that some shell sets, or refuses to be given, so they pass it by."""
_NOT_FOR_EXTENSIONS = (
    *("AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    *("AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR"),
    *("LAMBDA_TASK_ROOT", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_HANDLER"),
)
"""Source: "Lambda Extensions API", developer guide, on an extension's environment."""

# Each process has a follower, a subshell that waits for it, tells its end and passes signals on:
# SIGTERM as it is, SIGUSR1 as SIGKILL. A `wait` that a signal interrupts answers as if that had
# ended the process, so what looks like a signal is believed when it is told twice of a process that
# was gone before the `wait`; a shell that has told the true status may answer 127. Once in a while
# bash loses the status of what ended just as a signal came: it answers -1 then, or 127 at once.
_PROGRAM = r"""
exec 3>&2 2>/dev/null
trap '' HUP INT QUIT TERM
IFS= read -r _tb_mark || exit 0
_tb_all=
_tb_say() {
  printf '\036%s %s %s\n' "$_tb_mark" "$1" "$2"
  printf '\036%s %s %s\n' "$_tb_mark" "$1" "$2" >&3
}
_tb_start() {
  if [ -n "$_tb_name" ]; then
    unset @hidden@
    exec @extension@"$_tb_name" </dev/null 2>&3 3>&-
  fi
  exec "$@" </dev/null 2>&3 3>&-
}
_tb_signal() {
  [ "$_tb_hit" = KILL ] || _tb_hit=$1
  [ -n "$_tb_child" ] || return
  [ "$1" != KILL ] || kill -KILL "-$_tb_child"
  kill "-$1" "$_tb_child"
}
_tb_follow() {
  _tb_hit= _tb_child= _tb_code=
  trap '_tb_signal TERM' TERM
  trap '_tb_signal KILL' USR1
  trap - HUP
  _tb_start "$@" &
  _tb_child=$!
  [ -z "$_tb_hit" ] || _tb_signal "$_tb_hit"
  @announce@
  while :; do
    _tb_gone=
    kill -0 "$_tb_child" || _tb_gone=1
    wait "$_tb_child"
    _tb_status=$?
    if [ "$_tb_status" = 127 ] && [ -n "$_tb_code" ]; then break; fi
    _tb_last=$_tb_code _tb_code=$_tb_status
    [ "$_tb_code" -lt 0 ] || [ "$_tb_code" -gt 128 ] || break
    [ -z "$_tb_gone" ] || [ "$_tb_code" != "$_tb_last" ] || break
  done
  case $_tb_hit$_tb_code in *-1 | KILL138) _tb_code=137 ;; esac
  _tb_say "$_tb_n" "$_tb_code"
  exit "$_tb_code"
}
_tb_reset() {
  @kill@
  wait
  _tb_all=
  @sweep@
}
while IFS=' ' read -r _tb_verb _tb_n _tb_name; do
  case $_tb_verb in
    run)
      _tb_follow "$@" &
      _tb_all="$_tb_all $!"
      eval "_tb_of_$_tb_n=\$!"
      ;;
    term) eval "kill -TERM \"\$_tb_of_$_tb_n\"" ;;
    ask)
      jobs -p >/dev/null
      eval "_tb_one=\$_tb_of_$_tb_n"
      if ! kill -0 "$_tb_one"; then
        wait "$_tb_one"
        _tb_say "$_tb_n" "$?"
      fi
      ;;
    reset)
      _tb_reset
      _tb_say "$_tb_n" 0
      ;;
  esac
done
_tb_reset
"""
_ANNOUNCE = '_tb_say "$_tb_n" "+$_tb_child"'
# all processes that it can see; outside of a process namespace that is everybody's on the host
_KILL_ALL = 'if [ "$PPID" = 1 ]; then kill -KILL -1; fi'
_SWEEP = 'if [ "$PPID" = 1 ]; then while kill -KILL -1; do :; done; fi'
# a shell may overlook a signal that comes just before its `wait`, so the backend kills the groups
# that it knows of itself, and this is for those that are as yet unannounced
_KILL_KNOWN = 'for _tb_one in $_tb_all; do kill -USR1 "$_tb_one"; done'


def supervised(
    command: Sequence[str],
    *,
    own_processes: bool,
    extension: Sequence[str] = (),
    folder: str = EXTENSIONS,
    name: str = "testbed-supervisor",
) -> list[str]:
    """The words that start a supervisor of `command`, the runtime's.

    `own_processes`: it is the only child of the first process of a namespace, and may kill all
    that it sees; where not, it announces the process id of each that it starts. `extension` are
    words before an extension's path in `folder`. `name` is seen in lists of processes.
    """
    starter = " ".join(map(quote, extension))
    words = {
        "hidden": " ".join(_NOT_FOR_EXTENSIONS),
        "extension": f"{starter}{quote(folder)}/",
        "announce": ":" if own_processes else _ANNOUNCE,
        "kill": _KILL_ALL if own_processes else _KILL_KNOWN,
        "sweep": _SWEEP if own_processes else ":",
    }
    program = re.sub(r"@(\w+)@", lambda found: words[found[1]], _PROGRAM)
    return ["/bin/sh", "-c", program, name, *command]


def around_the_shell(environment: Mapping[str, str]) -> list[str]:
    """Words before a command that give it the variables that a shell would not hand down."""
    own = shells_own(environment)
    return ["/usr/bin/env", *(f"{name}={environment[name]}" for name in own)] if own else []


def shells_own(environment: Mapping[str, str]) -> list[str]:
    """The names of those variables."""
    return [
        name for name in environment if _SHELLS_OWN.fullmatch(name) or not _VARIABLE.fullmatch(name)
    ]


class Marks:
    """Takes the supervisor's marks out of what it and the sandbox's processes wrote."""

    def __init__(self, secret: str) -> None:
        self._mark = _MARK + secret.encode() + b" "
        self._held: dict[int, bytes] = {}
        """What may be the beginning of a mark, of each stream."""

    def feed(self, stream: int, piece: bytes) -> tuple[bytes, list[tuple[int, str]]]:
        """What is left of a piece, and the numbers and words of the marks that end in it."""
        text = self._held.pop(stream, b"") + piece
        if _MARK not in text:
            return text, []
        kept, found = [], []
        while (at := text.find(self._mark)) >= 0 and (end := text.find(b"\n", at)) >= 0:
            number, _, word = text[at + len(self._mark) : end].decode().partition(" ")
            found.append((int(number), word))
            kept.append(text[:at])
            text = text[end + 1 :]
        if at < 0:
            last = text.rfind(_MARK)
            at = last if last >= 0 and self._mark.startswith(text[last:]) else len(text)
        if at < len(text):
            self._held[stream] = text[at:]
        kept.append(text[:at])
        return b"".join(kept), found

    def rest(self, stream: int) -> bytes:
        """What is held back when the stream has ended: it was no mark."""
        return self._held.pop(stream, b"")


@dataclass(slots=True)
class _Task:
    """Something that the supervisor was told to do, and will tell the end of, on both streams."""

    name: str
    """Of a process; empty for a reset."""
    pid: int = 0
    """Where it is announced."""
    marks: int = 0


class Supervisor:
    """The emulator's end: makes commands of calls, and calls of marks.

    `send` takes what goes to the supervisor's standard input, `ended` the name of a process and
    its exit code, `reset` is called when all processes are gone.
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
        """What it must have first: the secret, and what to start."""
        self._send(f"{self._secret}\n".encode())
        for name in tuple(extensions) or (RUNTIME,):
            self.run(name)

    def run(self, name: str) -> None:
        """Starts a process; does nothing where it runs already."""
        if not self._running(name):
            file = "" if name == RUNTIME else name
            self._tasks[self._command("run", file)] = _Task(name)

    def terminate(self, name: str) -> None:
        for number in self._running(name):
            self._send(f"term {number}\n".encode())

    def reset(self) -> None:
        self._tasks[self._command("reset")] = _Task("")

    def ask(self) -> None:
        """Has ends told again that went by unheard."""
        for number, task in self._tasks.items():
            task.marks = 0
            if task.name:
                self._send(f"ask {number}\n".encode())
        if any(not task.name for task in self._tasks.values()):
            self.reset()

    def groups(self) -> list[int]:
        """The process groups of what runs, where they are announced."""
        return [task.pid for task in self._tasks.values() if task.pid]

    def heard(self, marks: Iterable[tuple[int, str]]) -> None:
        """Takes what `Marks.feed` found, when the output before it was passed on."""
        for number, word in marks:
            task = self._tasks.get(number)
            if task is None:
                continue
            if word.startswith("+"):
                task.pid = int(word[1:])
                continue
            task.marks += 1
            if task.marks == 2:  # noqa: PLR2004  # standard output and standard error
                self._over(number, int(word))

    def _over(self, number: int, code: int) -> None:
        task = self._tasks.pop(number)
        if task.name:
            self._ended(task.name, code)
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
