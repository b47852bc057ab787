"""`testbed up` as a user runs it, for tests of the whole: a subprocess on a free port."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: echo
      CodeUri: code/
      Handler: app.handler
      Runtime: python3.13
      MemorySize: {memory_mb}
      Timeout: 30
      Events:
        Post: {{Type: HttpApi, Properties: {{Method: POST, Path: /echo}}}}
"""
CODE = """\
import os, time
def handler(event, context):
    if isinstance(event, dict) and "sleep" in event:
        time.sleep(event["sleep"])
    if isinstance(event, dict) and "spin" in event:
        began = time.thread_time()
        wall = time.perf_counter()
        while time.thread_time() - began < event["spin"]:
            pass
        return time.perf_counter() - wall
    print("seen", event)
    return event
"""
BOUND = 120.0
"""Seconds that any one wait may take; a build of an image is the longest."""


def write_template(folder: Path, memory_mb: int = 512) -> Path:
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "app.py").write_text(CODE)
    template = folder / "template.yaml"
    template.write_text(TEMPLATE.format(memory_mb=memory_mb))
    return template


class Emulator:
    """Up from `__enter__` to `__exit__`; `lines` is what it printed until now."""

    def __init__(self, template: Path, state: Path, *options: str) -> None:
        self._arguments = [
            *(sys.executable, "-m", "emulator.cli", "up", "--port", "0"),
            *("--template", str(template), "--state-dir", str(state), *options),
        ]
        self.lines: list[str] = []
        self.url = ""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        printed: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(printed,))
        self._reader.start()
        try:
            self._wait_until_it_serves(printed)
        except BaseException:
            self.end(signal.SIGKILL)
            raise
        return self

    def _wait_until_it_serves(self, printed: queue.Queue[str | None]) -> None:
        deadline = time.monotonic() + BOUND
        while not self.url:
            line = printed.get(timeout=max(0.0, deadline - time.monotonic()))
            assert line is not None, "".join(self.lines)
            found = re.match(r"Serving on (http://\S+);", line)
            self.url = found[1] if found else ""

    def _read(self, printed: queue.Queue[str | None]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            printed.put(line)
        printed.put(None)

    def end(self, number: int = signal.SIGINT) -> int:
        """Sends the signal and waits; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(BOUND)
        self._reader.join(BOUND)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def __exit__(self, *_: object) -> None:
        self.end()
