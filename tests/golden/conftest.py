"""One emulator for each backend and profile, with a function for every way to end."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.docker_engine import require_docker
from tests.emulator_process import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.golden.functions import Function

INIT_TIMEOUT = 8
"""Seconds, in place of Lambda's 10: no other test's init takes so long, if the machine stands still
for a while."""
_LAST_LINE = 60.0
"""Seconds that the end of a log is waited for."""
_MASKS = (
    (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>"),
    (r"runtime:[0-9a-f]{64}", "runtime:<hash>"),
    (r"Duration: \d+\.\d\d ms", "Duration: <ms> ms"),
    (r"Billed Duration: \d+ ms", "Billed Duration: <n> ms"),
    (r"Max Memory Used: \d+ MB", "Max Memory Used: <n> MB"),
)


def masked(line: str) -> str:
    """Without what differs from one run to the next."""
    for pattern, name in _MASKS:
        line = re.sub(pattern, name, line)
    return line


@dataclass
class Lambda:
    """What a user has: boto3 and the function's log."""

    url: str
    client: Any
    backend: str
    read: dict[str, int] = field(default_factory=dict)
    """How many lines of each function's log have been seen."""
    limits_memory: bool = True
    """Whether the emulator can limit memory here."""

    def require_limits(self) -> None:
        """Skips the test where a function may eat the machine's memory."""
        if not self.limits_memory:
            pytest.skip("no memory cgroup can be written here")

    def invoke(self, function: str, **more: Any) -> Any:
        return self.client.invoke(FunctionName=function, **more)

    def new_lines(self, function: str, *, last: str = "REPORT") -> list[str]:
        """The log's lines since the last look, up to one that begins with `last`."""
        deadline = time.monotonic() + _LAST_LINE
        while True:
            address = f"{self.url}/_testbed/logs/{function}"
            answer = httpx.get(address, params={"limit": 10_000}, timeout=_LAST_LINE)
            lines = answer.raise_for_status().text.split("\n")[:-1]
            new = [masked(line) for line in lines[self.read.get(function, 0) :]]
            if any(line.startswith(last) for line in new) or time.monotonic() > deadline:
                self.read[function] = len(lines)
                return new
            time.sleep(0.02)  # nothing tells a client of a new line


@pytest.fixture(
    scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)]
)
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        require_docker()
    return str(request.param)


def serve(
    folder: Path, backend: str, profile: str, functions: tuple[Function, ...]
) -> Iterator[Lambda]:
    template = _write(folder, functions)
    options = ("--backend", backend, "--profile", profile, "--init-timeout", str(INIT_TIMEOUT))
    with Emulator(template, folder / "state", *options) as emulator:
        client = boto3.client(
            "lambda",
            endpoint_url=emulator.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"max_attempts": 1}, read_timeout=60),
        )
        unlimited = any("Memory is not limited" in line for line in emulator.lines)
        yield Lambda(emulator.url, client, backend, limits_memory=not unlimited)


def _write(folder: Path, functions: tuple[Function, ...]) -> Path:
    parts = ["Transform: AWS::Serverless-2016-10-31\nResources:\n"]
    for one in functions:
        code = folder / one.name
        code.mkdir()
        (code / "app.py").write_text(one.code)
        parts.append(
            f"  {one.name.capitalize()}:\n    Type: AWS::Serverless::Function\n    Properties:\n"
            f"      FunctionName: {one.name}\n      CodeUri: {one.name}/\n"
            f"      Handler: {one.handler}\n      Runtime: python3.13\n"
            f"      MemorySize: {one.memory_mb}\n      Timeout: {one.timeout}\n"
        )
        parts += [f"      {name}: {value}\n" for name, value in one.properties.items()]
    template = folder / "template.yaml"
    template.write_text("".join(parts))
    return template
