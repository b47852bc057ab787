"""Run directories made by hand: what a test writes down is what was journalled."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.journal import Entry, encode
from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox, Throttle
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    SandboxGone,
    SandboxReady,
    VersionDeployed,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import FunctionVersion, StartKind, ThrottleReason
from emulator.experiments.records.client_rows import ClientRow, append_client_rows

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN = 1_700_000_000.0
DESCRIPTION: dict[str, Any] = {
    "name": "process aws-2025",
    "started_at": ORIGIN,
    "profile": "aws-2025",
    "backend": "process",
    "unenforced": ["CPU shares are not limited."],
    "settings": {"keep_alive": None},
    "seed": 7,
    "versions": {"numpy": "2.0"},
    "machine": {"kernel": "Linux 6", "hz": 250, "cgroup": "v2", "cpus": 2, "memory_mb": 8192},
    "functions": {"slow": {}, "fast": {}},
}


@dataclass
class MadeRun:
    """Writes a run directory; times are the journal's."""

    path: Path
    entries: list[Entry] = field(default_factory=list)
    rows: list[ClientRow] = field(default_factory=list)

    def deploy(self, *names: str) -> None:
        for name in names:
            self.entries.append(Entry(0.0, VersionDeployed(FunctionVersion(name, 512, 30)), ()))

    def cold(self, request: str, function: str, sandbox: int, at: float, *, init: float) -> None:
        """Requested at `at`, ready after `init`, of which a fifth is `connect`, answered 1 s on."""
        key = f"{function}:$LATEST"
        anatomy = Anatomy(connect=init / 5, init=init * 4 / 5)
        dispatch = Dispatch(sandbox, request, StartKind.COLD)
        self.entries += [
            Entry(at, InvokeRequested(request, key), (StartSandbox(sandbox, key, request),)),
            Entry(at + init, SandboxReady(sandbox, anatomy), (dispatch,)),
            self._answer(request, sandbox, at + init + 1),
        ]

    def warm(self, request: str, function: str, sandbox: int, at: float, *, took: float) -> None:
        dispatch = Dispatch(sandbox, request, StartKind.WARM)
        self.entries += [
            Entry(at, InvokeRequested(request, f"{function}:$LATEST"), (dispatch,)),
            self._answer(request, sandbox, at + took),
        ]

    def throttled(self, request: str, function: str, at: float) -> None:
        throttle = Throttle(request, ThrottleReason.HOST_MEMORY)
        self.entries.append(Entry(at, InvokeRequested(request, f"{function}:$LATEST"), (throttle,)))

    def gone(self, sandbox: int, at: float) -> None:
        self.entries.append(Entry(at, SandboxGone(sandbox, 0), ()))

    @staticmethod
    def _answer(request: str, sandbox: int, at: float) -> Entry:
        return Entry(at, InvocationFinished(sandbox, request), (FreezeSandbox(sandbox),))

    def seen(self, request: str, at: float, latency_ms: float, **other: Any) -> None:
        """A client's row."""
        values: dict[str, Any] = {
            "status": 200,
            "start_kind": StartKind.WARM,
            "sandbox": "1",
            "users": 3,
            "path": "/predict",
            "error": "",
        } | other
        self.rows.append(ClientRow(request, ORIGIN + at, latency_ms, **values))

    def write(self, **changes: Any) -> Path:
        (self.path / "run.json").write_text(json.dumps(DESCRIPTION | changes))
        ordered = sorted(self.entries, key=lambda entry: entry.at)
        (self.path / "journal.jsonl").write_text("".join(encode(e) + "\n" for e in ordered))
        if self.rows:
            append_client_rows(self.path / "clients.csv", self.rows)
        return self.path


@pytest.fixture
def made(tmp_path: Path) -> MadeRun:
    run = MadeRun(tmp_path / "run")
    run.path.mkdir()
    return run


@pytest.fixture
def study(made: MadeRun) -> MadeRun:
    """Two functions: `slow`, asked by clients, and `fast`, which only the emulator saw."""
    made.deploy("slow", "fast")
    made.cold("s1", "slow", 1, 1.0, init=2.0)
    made.seen("s1", 1.0, 3010.0, start_kind=StartKind.COLD, users=1)
    made.warm("s2", "slow", 1, 5.0, took=0.010)
    made.seen("s2", 5.0, 12.0, users=2)
    made.cold("s3", "slow", 2, 5.5, init=4.0)
    made.seen("s3", 5.5, 5020.0, start_kind=StartKind.COLD)
    made.warm("s4", "slow", 1, 5.6, took=0.020)
    made.seen("s4", 5.6, 22.0)
    made.throttled("s5", "slow", 7.2)
    made.seen("s5", 7.2, 1.0, status=429, start_kind=None, sandbox="", error="status 429: no room")
    made.cold("f1", "fast", 3, 2.0, init=0.5)
    made.gone(3, 4.0)
    made.cold("f2", "fast", 4, 4.0, init=0.7)
    return made


@pytest.fixture
def interpreter(tmp_path: Path) -> Callable[[str], str]:
    """Makes an executable of a script, to stand where an interpreter is asked for."""

    def make(script: str) -> str:
        path = tmp_path / "python"
        path.write_text(f"#!{sys.executable}\n{script}")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def stand_in(interpreter: Callable[[str], str]) -> str:
    """An interpreter whose emulator is the one in stand_in_emulator.py."""
    return interpreter(Path(__file__).with_name("stand_in_emulator.py").read_text())
