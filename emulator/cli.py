"""The `testbed` command."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from emulator.config import BackendChoice, Settings, load
from emulator.core.policy import Binding, PickOrder
from emulator.core.profile import PROFILES
from emulator.errors import SettingsError, TestbedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EXAMPLES = """examples:
  testbed up                                   serve functions/template.yaml on port 8000
  testbed up --keep-alive 600 --idle-speedup 60
                                               sandboxes live 10 minutes idle, in 10 seconds
  testbed up --backend process --profile aws-2018
  testbed invoke echo --payload '{"hello": "world"}'
  testbed ps                                   the sandboxes that live now
  testbed logs kdd99-tf                        what the function wrote
  testbed demo                                 the whole study in small, with a chart
"""
_TIMEOUT = 960.0
"""Seconds: longer than the longest function, so that only a hung emulator meets it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the process's exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="testbed",
        description="Runs AWS Lambda functions on this machine as Lambda would, and measures them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands)
    _add_clients(commands)
    _add_runs(commands)
    return parser


def _add_up(commands: Any) -> None:
    up = commands.add_parser("up", help="deploy a template and serve it until Ctrl-C")
    up.set_defaults(command=_up)
    up.add_argument("--settings", type=Path, help="a TOML file with any of these settings")
    up.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--port", help="port to listen on (default 8000; 0 picks a free one)")
    up.add_argument("--template", help="SAM template (default functions/template.yaml)")
    up.add_argument("--backend", choices=list(BackendChoice), help="what a sandbox is (auto)")
    up.add_argument("--profile", choices=sorted(PROFILES), help="whose behaviour (aws-2025)")
    up.add_argument("--keep-alive", help="idle lifetime in seconds (default: as measured on AWS)")
    up.add_argument("--idle-speedup", metavar="N", help="idle time runs N times faster")
    up.add_argument("--pick-order", choices=list(PickOrder), help="which idle sandbox serves")
    up.add_argument("--binding", choices=list(Binding), help="who serves a request that found none")
    up.add_argument("--host-memory", metavar="MB", help="memory for all sandboxes together")
    up.add_argument("--start-width", metavar="N", help="sandboxes in creation or init at once (4)")
    up.add_argument("--init-timeout", metavar="SECONDS", help="default: the profile's")
    up.add_argument("--seed", help="of all chance in the scheduler (default 0)")
    up.add_argument("--state-dir", help="default .testbed")
    up.add_argument("--run-dir", help="where the journal goes")
    up.add_argument("--cgroup-root", help="default /sys/fs/cgroup")


def _add_clients(commands: Any) -> None:
    for name, command, text in (
        ("invoke", _invoke, "invoke a function and print its answer"),
        ("ps", _ps, "list the sandboxes"),
        ("logs", _logs, "print what a function wrote"),
    ):
        parser = commands.add_parser(name, help=text)
        parser.set_defaults(command=command)
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the emulator")
        if name != "ps":
            parser.add_argument("function")
        if name == "invoke":
            parser.add_argument("--payload", default="{}", help="JSON, @file or - for stdin")
        if name == "logs":
            parser.add_argument("--limit", type=int, default=200, help="newest lines (200)")


def _add_runs(commands: Any) -> None:
    demo = commands.add_parser("demo", help="serve the study's model under a ramp of users")
    demo.set_defaults(command=_demo)
    demo.add_argument("--backend", choices=list(BackendChoice), default="auto")
    demo.add_argument("--run-dir", type=Path, help="default runs/<time>")
    demo.add_argument("--seconds", type=float, default=60.0, help="length of the ramp (60)")
    bench = commands.add_parser("bench", help="measure the emulator itself")
    bench.set_defaults(command=_bench)
    bench.add_argument("--backend", choices=["docker", "process"], action="append")
    fidelity = commands.add_parser("fidelity", help="compare the CPU share with AWS's, by memory")
    fidelity.set_defaults(command=_fidelity)
    fidelity.add_argument("--backend", choices=["docker", "process"], action="append")
    fidelity.add_argument("--repetitions", type=int, default=200, help="of each size (200)")
    fidelity.add_argument("--run-dir", type=Path, help="default runs/fidelity-<time>")
    fidelity.add_argument("--report", type=Path, metavar="RUN_DIR", help="only read this run again")


def _up(options: argparse.Namespace) -> int:
    # not for the client commands: they need not import the server
    from emulator.up import run  # noqa: PLC0415

    return run(_settings(options))


def _settings(options: argparse.Namespace) -> Settings:
    toml: dict[str, Any] = {}
    if options.settings is not None:
        try:
            toml = tomllib.loads(options.settings.read_text())
        except (OSError, ValueError) as error:
            raise SettingsError(f"{options.settings}: {error}") from error
    return load(os.environ, toml, vars(options))


def _request(options: argparse.Namespace, method: str, path: str, body: bytes = b"") -> Any:
    try:
        return httpx.request(method, options.url + path, content=body, timeout=_TIMEOUT)
    except httpx.HTTPError as error:
        raise TestbedError(
            f"No emulator answers at {options.url} ({error}); start one with `testbed up`."
        ) from error


def _invoke(options: argparse.Namespace) -> int:
    payload: str = options.payload
    if payload == "-":
        body = sys.stdin.buffer.read()
    elif payload.startswith("@"):
        try:
            body = Path(payload[1:]).read_bytes()
        except OSError as error:
            raise TestbedError(f"The payload cannot be read: {error}") from error
    else:
        body = payload.encode()
    begun = time.perf_counter()
    path = f"/2015-03-31/functions/{options.function}/invocations"
    response = _request(options, "POST", path, body)
    took_ms = (time.perf_counter() - begun) * 1000
    print(response.text)
    if response.status_code != httpx.codes.OK:
        return 1
    start = response.headers.get("x-testbed-start", "-")
    request_id = response.headers.get("x-amzn-requestid", "-")
    print(f"{start} start, {took_ms:.1f} ms, request {request_id}", file=sys.stderr)
    return 1 if "x-amz-function-error" in response.headers else 0


def _ps(options: argparse.Namespace) -> int:
    rows = _request(options, "GET", "/_testbed/sandboxes").json()
    print(f"{'ID':>6}  {'FUNCTION':<24} {'STATE':<9} {'AGE':>9} {'IDLE':>9} {'MEMORY':>8}")
    for row in rows:
        idle = "-" if row["idle_s"] is None else f"{row['idle_s']:.1f} s"
        print(
            f"{row['id']:>6}  {row['function']:<24} {row['state']:<9} "
            f"{row['age_s']:>7.1f} s {idle:>9} {row['memory_mb']:>5} MB"
        )
    return 0


def _logs(options: argparse.Namespace) -> int:
    path = f"/_testbed/logs/{options.function}?limit={options.limit}"
    response = _request(options, "GET", path)
    if response.status_code != httpx.codes.OK:
        raise TestbedError(json.loads(response.text).get("detail", response.text))
    print(response.text, end="")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from emulator.experiments.demo import run_demo  # noqa: PLC0415  # matplotlib is slow to import

    return run_demo(backend=options.backend, run_dir=options.run_dir, seconds=options.seconds)


def _bench(options: argparse.Namespace) -> int:
    from emulator.experiments.bench import run_bench  # noqa: PLC0415

    return run_bench(backends=options.backend or ["docker", "process"])


def _fidelity(options: argparse.Namespace) -> int:
    from emulator.experiments.fidelity import report_fidelity, run_fidelity  # noqa: PLC0415

    if options.report is not None:
        return report_fidelity(options.report)
    return run_fidelity(
        backends=options.backend or ["docker", "process"],
        repetitions=options.repetitions,
        run_dir=options.run_dir,
    )


if __name__ == "__main__":
    sys.exit(main())
