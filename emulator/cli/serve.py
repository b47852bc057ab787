"""Serves functions until Ctrl-C: `testbed up`."""

import logging
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emulator.cli.choices import (
    admissions,
    ages,
    auths,
    backends,
    bindings,
    completer,
    lifetimes,
    network_paths,
    page_caches,
    pick_orders,
    policies,
    profiles,
)
from emulator.cli.options import BACKENDS, PROFILES
from emulator.errors import SettingsError
from emulator.project import TEMPLATE

if TYPE_CHECKING:
    from emulator.config import Settings

_NOT_SETTINGS = frozenset({"settings", "no_companion", "verbose"})


def up(
    context: typer.Context,
    *,
    settings: Annotated[  # noqa: ARG001  # read from the context, with all others
        Path | None, typer.Option(metavar="FILE", help="Read settings from a TOML file.")
    ] = None,
    host: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(metavar="ADDRESS", help="Listen on this address. (default: 127.0.0.1)"),
    ] = None,
    port: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="PORT", help="Listen on this port; 0 picks a free one. (default: 8000)"
        ),
    ] = None,
    template: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="FILE|none",
            help="Deploy this SAM template, or nothing. (default: functions/template.yaml)",
        ),
    ] = None,
    account: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="ID",
            help="Own the template's functions, and be the account of callers whose key is no "
            "account's. (default: 123456789012)",
        ),
    ] = None,
    region: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="NAME",
            help="Have the template's functions here, and requests that are not signed. (default: "
            "us-east-1)",
        ),
    ] = None,
    backend: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar=BACKENDS,
            help="Choose what a sandbox is. (default: auto)",
            autocompletion=completer(backends),
        ),
    ] = None,
    profile: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar=PROFILES,
            help="Choose whose behaviour to imitate. (default: aws-2026)",
            autocompletion=completer(profiles),
        ),
    ] = None,
    keep_alive: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="SECONDS|NAME",
            help="Stop a sandbox after this idle time, or as measured on AWS at a date: aws-2018, "
            "aws-2018-us-west-2, aws-2018-us-east-1, aws-2020 or aws-2025. (default: the "
            "profile's)",
            autocompletion=completer(lifetimes),
        ),
    ] = None,
    recycle_age: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="SECONDS|NAME",
            help="End a sandbox at this age, used or not, or as on AWS at a date: aws-2018, "
            "aws-2020, aws-2025; or never. (default: the profile's)",
            autocompletion=completer(ages),
        ),
    ] = None,
    policy: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="NAME|FILE.py:CLASS",
            help="Choose who decides about idle sandboxes: lifetime, fixed, pool-halving, lru, "
            "greedy-dual, hybrid-histogram, prewarming, provisioned, target-tracking, or a class "
            "of your own (docs/policies.md). (default: lifetime)",
            autocompletion=completer(policies),
        ),
    ] = None,
    idle_speedup: Annotated[  # noqa: ARG001
        str | None, typer.Option(metavar="N", help="Let idle time run N times faster. (default: 1)")
    ] = None,
    pick_order: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="ORDER",
            help="Choose which idle sandbox serves: most-recently-used, least-recently-used or "
            "oldest-first. (default: most-recently-used)",
            autocompletion=completer(pick_orders),
        ),
    ] = None,
    binding: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="early|late",
            help="Let a request that found no sandbox wait for the one that it started (early), or "
            "take the first that comes free (late). (default: early)",
            autocompletion=completer(bindings),
        ),
    ] = None,
    host_memory: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="MB|nominal",
            help="Give all sandboxes together this memory, or count each with its function's size. "
            "(default: 3/4 of all)",
        ),
    ] = None,
    admission: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="actual|nominal",
            help="Count a sandbox with the memory that it uses (actual), or with its function's "
            "size (nominal). (default: actual)",
            autocompletion=completer(admissions),
        ),
    ] = None,
    journal_limit: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(metavar="MB", help="Let the journal grow to this size. (default: 1024)"),
    ] = None,
    log_limit: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(metavar="MB", help="Keep this much of all functions' logs. (default: 256)"),
    ] = None,
    start_width: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(metavar="N", help="Create or init N sandboxes at once. (default: 4)"),
    ] = None,
    init_cpu: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="boosted|share",
            help="Give an init one vCPU at least, as AWS does, or its function's share alone. "
            "(default: boosted)",
        ),
    ] = None,
    init_timeout: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(metavar="SECONDS", help="Limit an init. (default: the profile's limit)"),
    ] = None,
    dilation: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="N",
            help="Run all N times slower, each sandbox with an Nth of its CPU. (default: 1)",
        ),
    ] = None,
    network: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="PATH",
            help="Add what lies between clients and functions, such as "
            "aws-2018/sao-paulo-us-east-1. (default: local, nothing)",
            autocompletion=completer(network_paths),
        ),
    ] = None,
    page_cache: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="shared|private",
            help="Let all sandboxes share this machine's page cache, or give each its own, as a "
            "microVM has; root only. (default: shared)",
            autocompletion=completer(page_caches),
        ),
    ] = None,
    read_ahead: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="KB",
            help="Have the disk under the sandboxes' files read this far ahead until the end; root "
            "only. (default: as the disk is set)",
        ),
    ] = None,
    seed: Annotated[  # noqa: ARG001
        str | None, typer.Option(metavar="N", help="Seed the scheduler's chance. (default: 0)")
    ] = None,
    state_dir: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(metavar="DIR", help="Keep packages and runs here. (default: .testbed)"),
    ] = None,
    run_dir: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="DIR", help="Write the journal here. (default: a new folder in --state-dir)"
        ),
    ] = None,
    cgroup_root: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(metavar="DIR", help="Find cgroups here. (default: /sys/fs/cgroup)"),
    ] = None,
    aws_endpoint: Annotated[  # noqa: ARG001
        list[str] | None,
        typer.Option(
            metavar="SERVICE=URL",
            help="Send requests for an AWS service there, such as s3=http://localhost:9000; may be "
            "repeated.",
        ),
    ] = None,
    auth: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            metavar="strict|off",
            help="Verify signatures and let IAM's policies decide (strict), or let everyone call "
            "who reaches the gateway (off). (default: off on a loopback address; another address "
            "needs the word)",
            autocompletion=completer(auths),
        ),
    ] = None,
    alb: Annotated[  # noqa: ARG001
        list[str] | None,
        typer.Option(
            metavar="FUNCTION",
            help="Serve a function behind a load balancer at FUNCTION.elb.localhost, with lists of "
            "values for FUNCTION:multi-value; may be repeated.",
        ),
    ] = None,
    no_companion: Annotated[
        bool,
        typer.Option(
            "--no-companion", help="Start no moto server for AWS services without an endpoint."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done, and why, to stderr.")
    ] = False,
) -> int:
    """Deploy a template and serve it until Ctrl-C.

    Each option can also stand in a settings file, or in a variable such as TESTBED_KEEP_ALIVE.
    """
    from emulator.cli.deployment import deployment_display  # noqa: PLC0415  # the server is slow
    from emulator.up.serve import run  # noqa: PLC0415  # to import

    if verbose:
        log_verbosely()
    given = {
        name: value or None for name, value in context.params.items() if name not in _NOT_SETTINGS
    }
    if no_companion:
        given["companion"] = False
    merged = _merged(context.params["settings"], given)
    _check_template(merged.template)
    return run(merged, deployment_display())


def log_verbosely() -> None:
    """Lets the emulator's own log lines through, from INFO on, to stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("emulator").setLevel(logging.INFO)


def _merged(file: Path | None, given: dict[str, Any]) -> "Settings":
    from emulator.config import load  # noqa: PLC0415

    toml: dict[str, Any] = {}
    if file is not None:
        try:
            toml = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file}: {error}") from error
    return load(os.environ, toml, given)


def _check_template(template: Path) -> None:
    """Tells a new user of `testbed init`, where the default template is missing."""
    if template == TEMPLATE and not template.exists():
        raise SettingsError(
            f"{template} does not exist here. `testbed init` writes a small project; --template "
            "names a template elsewhere."
        )
