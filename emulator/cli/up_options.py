"""Lists the options of `testbed up`; each is a word for the setting of its name.

What a word may be is checked where all settings are (`config`), whichever way they are given.
"""

from __future__ import annotations

from inspect import Parameter, Signature, signature
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
    left_events,
    lifetimes,
    network_paths,
    page_caches,
    pick_orders,
    policies,
    profiles,
)
from emulator.cli.options import BACKENDS, PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable

_Options = dict[str, Any]
"""Annotations of options, by the name of the setting."""


def _text(metavar: str, told: str, values: Callable[[], list[str]] | None = None) -> Any:
    """Returns the annotation of an option; the shell completes a word to the `values`."""
    complete = None if values is None else completer(values)
    option = typer.Option(metavar=metavar, help=told, autocompletion=complete)
    return Annotated[str | None, option]


def _texts(metavar: str, told: str) -> Any:
    """Returns the annotation of an option that may be repeated."""
    return Annotated[list[str] | None, typer.Option(metavar=metavar, help=told)]


def _path(metavar: str, told: str) -> Any:
    """Returns the annotation of an option that names a file."""
    return Annotated[Path | None, typer.Option(metavar=metavar, help=told)]


_SERVED: _Options = {
    "settings": _path("FILE", "Read settings from a TOML file."),
    "host": _text("ADDRESS", "Listen on this address. (default: 127.0.0.1)"),
    "port": _text("PORT", "Listen on this port; 0 picks a free one. (default: 8000)"),
    "template": _text(
        "FILE|none", "Deploy this SAM template, or nothing. (default: functions/template.yaml)"
    ),
    "account": _text(
        "ID",
        "Own the template's functions, and be the account of callers whose key is no account's."
        " (default: 123456789012)",
    ),
    "region": _text(
        "NAME",
        "Have the template's functions here, and requests that are not signed. (default: us-"
        "east-1)",
    ),
    "backend": _text(BACKENDS, "Choose what a sandbox is. (default: auto)", backends),
    "oci_runtime": _text(
        "NAME",
        "Have the Docker engine run sandboxes by this runtime of its own, such as crun. (default: "
        "the engine's)",
    ),
    "profile": _text(PROFILES, "Choose whose behaviour to imitate. (default: aws-2026)", profiles),
}
"""Options of what is served, where, and by whose behaviour."""
_IDLE: _Options = {
    "keep_alive": _text(
        "SECONDS|NAME",
        "Stop a sandbox after this idle time, or as measured on AWS at a date: aws-2018, "
        "aws-2018-us-west-2, aws-2018-us-east-1, aws-2020 or aws-2025. (default: the profile's)",
        lifetimes,
    ),
    "recycle_age": _text(
        "SECONDS|NAME",
        "End a sandbox at this age, used or not, or as on AWS at a date: aws-2018, aws-2020, "
        "aws-2025; or never. (default: the profile's)",
        ages,
    ),
    "policy": _text(
        "NAME|FILE.py:CLASS",
        "Choose who decides about idle sandboxes: lifetime, fixed, pool-halving, "
        "function-activity, lru, greedy-dual, hybrid-histogram, prewarming, provisioned, "
        "target-tracking, or a class of your own (docs/policies.md). (default: lifetime)",
        policies,
    ),
    "idle_speedup": _text("N", "Let idle time run N times faster. (default: 1)"),
    "pick_order": _text(
        "ORDER",
        "Choose which idle sandbox serves: most-recently-used, least-recently-used or oldest-"
        "first. (default: most-recently-used)",
        pick_orders,
    ),
    "binding": _text(
        "early|late",
        "Let a request that found no sandbox wait for the one that it started (early), or take "
        "the first that comes free (late). (default: early)",
        bindings,
    ),
}
"""Options of who stays idle, and which sandbox serves."""
_LIMITS: _Options = {
    "host_memory": _text(
        "MB|nominal",
        "Give all sandboxes together this memory, or count each with its function's size. "
        "(default: 3/4 of all)",
    ),
    "admission": _text(
        "actual|nominal",
        "Count a sandbox with the memory that it uses (actual), or with its function's size "
        "(nominal). (default: actual)",
        admissions,
    ),
    "journal_limit": _text("MB", "Let the journal grow to this size. (default: 1024)"),
    "log_limit": _text("MB", "Keep this much of all functions' logs. (default: 256)"),
    "start_width": _text("N", "Create or init N sandboxes at once. (default: 4)"),
    "stem_cells": _texts(
        "N|RUNTIME=N",
        "Keep N sandboxes of each runtime (2), or of one (python3.13=4), started and frozen "
        "before any function needs them; may be repeated. (default: none, as on Lambda)",
    ),
    "init_cpu": _text(
        "boosted|share",
        "Give an init one vCPU at least, as AWS does, or its function's share alone. (default: "
        "boosted)",
    ),
    "init_timeout": _text("SECONDS", "Limit an init. (default: the profile's limit)"),
}
"""Options of how much is used or kept at the most."""
_IMITATED: _Options = {
    "dilation": _text(
        "N", "Run all N times slower, each sandbox with an Nth of its CPU. (default: 1)"
    ),
    "network": _text(
        "PATH",
        "Add what lies between clients and functions, such as aws-2018/sao-paulo-us-east-1. "
        "(default: local, nothing)",
        network_paths,
    ),
    "page_cache": _text(
        "shared|private",
        "Let all sandboxes share this machine's page cache, or give each its own, as a microVM "
        "has; root only. (default: shared)",
        page_caches,
    ),
    "read_ahead": _text(
        "KB",
        "Have the disk under the sandboxes' files read this far ahead until the end; root only."
        " (default: as the disk is set)",
    ),
    "seed": _text("N", "Seed the scheduler's chance. (default: 0)"),
}
"""Options of what of this machine is made as it is at a provider."""
_FOLDERS: _Options = {
    "state_dir": _text("DIR", "Keep packages and runs here. (default: .testbed)"),
    "run_dir": _text("DIR", "Write the journal here. (default: a new folder in --state-dir)"),
    "left_events": _text(
        "take-up|forget",
        "Go on with the asynchronous events that an earlier run has left, or drop them. "
        "(default: take-up)",
        left_events,
    ),
    "cgroup_root": _text("DIR", "Find cgroups here. (default: /sys/fs/cgroup)"),
}
"""Options of where files are."""
_NEIGHBOURS: _Options = {
    "aws_endpoint": _texts(
        "SERVICE=URL",
        "Send requests for an AWS service there, such as s3=http://localhost:9000; may be "
        "repeated.",
    ),
    "auth": _text(
        "strict|off",
        "Verify signatures and let IAM's policies decide (strict), or let everyone call who "
        "reaches the gateway (off). (default: off on a loopback address; another address needs "
        "the word)",
        auths,
    ),
    "alb": _texts(
        "FUNCTION",
        "Serve a function behind a load balancer at FUNCTION.elb.localhost, with lists of "
        "values for FUNCTION:multi-value; may be repeated.",
    ),
}
"""Options of who may call, and of what stands around functions."""

_ALL = {**_SERVED, **_IDLE, **_LIMITS, **_IMITATED, **_FOLDERS, **_NEIGHBOURS}


def with_settings(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of all settings before its own; None for what is not said."""
    own = signature(command, eval_str=True).parameters.values()
    settings = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _ALL.items()
    ]
    kept = [each for each in own if each.kind is not Parameter.VAR_KEYWORD]
    command.__signature__ = Signature([*settings, *kept])  # type: ignore[attr-defined]
    return command
