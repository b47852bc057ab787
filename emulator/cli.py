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
  testbed demo                                 the whole study in small, with a report
  testbed tune echo --memory 128,256,512       the best memory size by cost and speed
  testbed report runs/small                    a page of a run; of two runs: side by side
  testbed bill runs/small --free-tier          what AWS would ask for it
  testbed experiment studies/small.toml        run a plan's cells; --dry-run only lists them
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
    _add_reports(commands)
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
    up.add_argument(
        "--dilation", metavar="N", help="all runs N times slower, with an Nth of the CPU each (1)"
    )
    up.add_argument("--seed", help="of all chance in the scheduler (default 0)")
    up.add_argument("--state-dir", help="default .testbed")
    up.add_argument("--run-dir", help="where the journal goes")
    up.add_argument("--cgroup-root", help="default /sys/fs/cgroup")
    up.add_argument(
        "--aws-endpoint",
        action="append",
        metavar="SERVICE=URL",
        help="where requests for an AWS service go (s3=http://localhost:9000); may be repeated",
    )
    up.add_argument(
        "--no-companion",
        dest="companion",
        action="store_false",
        default=None,
        help="start no moto server for the AWS services without an endpoint",
    )


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
    demo = commands.add_parser("demo", help="run the study in small and make its report")
    demo.set_defaults(command=_demo)
    demo.add_argument("--backend", choices=list(BackendChoice), default="auto")
    demo.add_argument("--run-dir", type=Path, help="default runs/demo-<time>")
    _add_experiment(commands)
    bench = commands.add_parser("bench", help="measure the emulator itself")
    bench.set_defaults(command=_bench)
    bench.add_argument("--backend", choices=["docker", "process"], action="append")
    fidelity = commands.add_parser("fidelity", help="compare the CPU share with AWS's, by memory")
    fidelity.set_defaults(command=_fidelity)
    fidelity.add_argument("--backend", choices=["docker", "process"], action="append")
    fidelity.add_argument("--repetitions", type=int, default=200, help="of each size (200)")
    fidelity.add_argument("--run-dir", type=Path, help="default runs/fidelity-<time>")
    fidelity.add_argument("--report", type=Path, metavar="RUN_DIR", help="only read this run again")


def _add_experiment(commands: Any) -> None:
    experiment = commands.add_parser("experiment", help="run a study's plan")
    experiment.set_defaults(command=_experiment)
    experiment.add_argument("plan", type=Path, help="a TOML file, such as studies/small.toml")
    experiment.add_argument("--run-dir", type=Path, help="default runs/<plan>-<time>")
    experiment.add_argument(
        "--resume", type=Path, metavar="RUN", help="finish this run: cells that are not done"
    )
    experiment.add_argument(
        "--backend",
        choices=list(BackendChoice),
        action="append",
        help="in place of the plan's; may be repeated",
    )
    experiment.add_argument(
        "--dry-run", action="store_true", help="list the cells and the time that they will take"
    )


def _add_reports(commands: Any) -> None:
    report = commands.add_parser("report", help="make a page of a run, or of two side by side")
    report.set_defaults(command=_report)
    report.add_argument("run", type=Path, help="of experiment, tune, demo or up")
    report.add_argument("other", type=Path, nargs="?", help="a second run, to compare with it")
    report.add_argument("--out", type=Path, metavar="DIR", help="default: a folder in the run's")
    bill = commands.add_parser("bill", help="what AWS would ask for a run")
    bill.set_defaults(command=_bill)
    bill.add_argument("run", type=Path, help="of up, experiment, tune or demo")
    bill.add_argument("--prices", choices=["2018", "2025"], help="default: those of its profile")
    bill.add_argument(
        "--free-tier", action="store_true", help="as if it were all that the account ran in a month"
    )
    tune = commands.add_parser("tune", help="find the best memory size of a function")
    tune.set_defaults(command=_tune)
    tune.add_argument("function")
    tune.add_argument(
        "--payload", action="append", help="JSON, @file or -; may be repeated, used in turn ({})"
    )
    tune.add_argument("--memory", default="128,256,512,1024,1792", metavar="MB,MB…")
    tune.add_argument("--invocations", type=int, default=50, metavar="N", help="of each size (50)")
    tune.add_argument("--strategy", choices=["cost", "speed", "balanced"], default="balanced")
    tune.add_argument(
        "--balanced-weight", type=float, default=0.5, help="of cost: 1 cost alone, 0 speed alone"
    )
    tune.add_argument("--template", type=Path, default=Path("functions/template.yaml"))
    tune.add_argument("--backend", choices=list(BackendChoice), default="auto")
    tune.add_argument("--profile", choices=sorted(PROFILES), default="aws-2025")
    tune.add_argument("--run-dir", type=Path, help="default runs/tune-<time>")


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
    body = _payload(options.payload)
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


def _payload(text: str) -> bytes:
    """What `--payload` names: JSON itself, @file, or - for stdin."""
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise TestbedError(f"The payload cannot be read: {error}") from error


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

    return run_demo(backend=options.backend, run_dir=options.run_dir)


def _experiment(options: argparse.Namespace) -> int:
    from emulator.experiments.runner.study import run_experiment  # noqa: PLC0415

    return run_experiment(
        options.plan,
        run_dir=options.run_dir,
        resume=options.resume,
        backends=options.backend or (),
        dry_run=options.dry_run,
    )


def _bench(options: argparse.Namespace) -> int:
    from emulator.experiments.benchmark.command import run_bench  # noqa: PLC0415

    return run_bench(backends=options.backend or ["docker", "process"])


def _fidelity(options: argparse.Namespace) -> int:
    from emulator.experiments.fidelity.command import report_fidelity, run_fidelity  # noqa: PLC0415

    if options.report is not None:
        return report_fidelity(options.report)
    return run_fidelity(
        backends=options.backend or ["docker", "process"],
        repetitions=options.repetitions,
        run_dir=options.run_dir,
    )


def _report(options: argparse.Namespace) -> int:
    if options.other is not None:
        from emulator.experiments.report.comparison_page import report_comparison  # noqa: PLC0415

        page = report_comparison(options.run, options.other, options.out)
    else:
        from emulator.experiments.report.study_page import report_run  # noqa: PLC0415

        page = report_run(options.run, options.out)
    print(f"{page}\n{page.with_suffix('.md')}")
    return 0


def _bill(options: argparse.Namespace) -> int:
    from emulator.experiments.bill import bill_run  # noqa: PLC0415

    print(bill_run(options.run, prices=options.prices or "", free_tier=options.free_tier))
    return 0


def _tune(options: argparse.Namespace) -> int:
    from emulator.experiments.analysis.memory_choice import Strategy  # noqa: PLC0415
    from emulator.experiments.tune.command import Tuning, run_tune  # noqa: PLC0415

    try:
        memories = tuple(dict.fromkeys(int(part) for part in options.memory.split(",")))
    except ValueError as error:
        raise SettingsError(f"--memory must be sizes in MB, such as 128,256: {error}.") from error
    tuning = Tuning(
        function=options.function,
        payloads=tuple(_payload(text) for text in options.payload or ["{}"]),
        memories=memories,
        invocations=options.invocations,
        strategy=Strategy(options.strategy),
        weight=options.balanced_weight,
        template=options.template,
        backend=options.backend,
        profile=options.profile,
    )
    return run_tune(tuning, options.run_dir)


if __name__ == "__main__":
    sys.exit(main())
