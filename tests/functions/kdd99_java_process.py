"""The Java function as processes that read events and write answers, a line each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

TIMEOUT = 120.0
"""Seconds that a JVM may take for all that it is asked at once, for one line, or to end."""


class Java:
    """The built function; each start is a JVM of its own, as a sandbox is."""

    def __init__(self, target: Path, task: Path, temporary: Path) -> None:
        self.temporary = temporary
        self._command = [
            *("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            f"-Djava.io.tmpdir={temporary}",
            f"-Djava.library.path={target / 'native'}",
            *("-cp", f"{target / 'lib'}/*", "kdd99.Answers"),
        ]
        self._task = task

    def environment(self, **variables: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.temporary),
            "LAMBDA_TASK_ROOT": str(self._task),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_ENABLE_ONEDNN_OPTS": "0",
            **variables,
        }

    def answers(self, *events: Any, **variables: str) -> list[Any]:
        done = self._run(events, variables)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def refusal(self, *events: Any, **variables: str) -> str:
        done = self._run(events, variables)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def _run(
        self, events: tuple[Any, ...], variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command,
            input="".join(json.dumps(event) + "\n" for event in events),
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def start(self, **variables: str) -> Running:
        return Running(self._command, self.environment(**variables))

    def unpacked(self) -> list[Path]:
        """The models that are left in the temporary folder."""
        return list(self.temporary.glob("kdd99-java-*"))

    def remove_package(self) -> None:
        shutil.rmtree(self._task)


class Running:
    """One JVM that goes on answering; as a context it is ended, whatever happens."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            self._process.communicate(timeout=TIMEOUT)
        finally:
            self._process.kill()
            self._process.wait()
            self._said.close()

    def handler(self, event: Any) -> Any:
        answer = self._line(event)
        assert answer, self._told()
        return json.loads(answer)

    def refusal(self, event: Any) -> str:
        """What it said when it gave up."""
        assert not self._line(event)
        return self._told()

    def _line(self, event: Any) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        patience = threading.Timer(TIMEOUT, self._process.kill)  # ends a wait for a line
        patience.start()
        try:
            self._process.stdin.write(json.dumps(event) + "\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()
        finally:
            patience.cancel()

    def _told(self) -> str:
        self._said.seek(0)
        return self._said.read()
