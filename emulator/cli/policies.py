"""Compares policies on a trace: `testbed compare-policies`.

Needs the extra `experiments`, and therefore imports every room when the command runs.
"""

from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.options import Profile

_POLICIES = (
    "fixed:seconds=60,fixed:seconds=600,fixed:seconds=1200,lifetime,pool-halving,lru,greedy-dual,"
    "hybrid-histogram,prewarming,provisioned,target-tracking,oracle,managed-instances"
)


def compare_policies(
    trace: Annotated[Path, typer.Option(metavar="FILE", help="Take the calls from this trace.")],
    *,
    format: Annotated[  # noqa: A002  # the option's name
        str,
        typer.Option(
            metavar="NAME",
            help="Read it as csv, azure2019, azure2021, huawei, access-log, cloudwatch, "
            "cloudwatch-metrics, api-gateway or run.",
        ),
    ] = "csv",
    policies: Annotated[
        str, typer.Option(metavar="A,B…", help="Compare these; see docs/policies.md.")
    ] = _POLICIES,
    profile: Profile = "aws-2026",
    memory: Annotated[
        int, typer.Option(metavar="MB", min=128, help="Give every function this memory.")
    ] = 256,
    cold_start: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Let every start take this long.")
    ] = 1.0,
    host_memory: Annotated[
        int | None,
        typer.Option(metavar="MB", min=128, help="Limit the memory of all. (default: no limit)"),
    ] = None,
    cpu: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0.001,
            max=1,
            help="Let a request use this share of a vCPU on Managed Instances.",
        ),
    ] = 0.25,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Take N functions of the trace.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed all chance.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write charts and tables here.")] = Path(
        "runs/policies"
    ),
) -> int:
    """Simulate policies on a trace, and compare them."""
    from emulator.experiments.policies.command import Comparison, compare  # noqa: PLC0415
    from emulator.experiments.policies.trace_run import (  # noqa: PLC0415
        ENDLESS_MEMORY_MB,
        Assumptions,
    )

    assumed = Assumptions(
        profile=profile,
        memory_mb=memory,
        cold_start=cold_start,
        host_memory_mb=host_memory or ENDLESS_MEMORY_MB,
        cpu=cpu,
        seed=seed,
    )
    comparison = Comparison(trace, format, tuple(policies.split(",")), assumed, sample)
    return compare(comparison, out, print)
