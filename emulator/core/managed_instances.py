"""Holds the rules and prices of Lambda Managed Instances, as data: no one-request sandboxes.

Sources: Lambda developer guide, "Scaling Lambda Managed Instances" (H): three instances and three
sandboxes before a version is ACTIVE, scaling on CPU and on full sandboxes, throttles where traffic
more than doubles within 5 minutes; AWS's launch of 2025-12-01 and the pricing page (H): at least
2 GB and 1 vCPU, EC2's price, 15 % on top, $.20 a million requests; requests a vCPU by runtime as
published for Python (M); EC2's on-demand price in us-east-1 (M).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManagedInstances:
    """Holds what Managed Instances do and cost at one date."""

    date: str
    """Year and month."""
    instance: str
    instance_vcpus: int
    instance_hour: float
    """Dollars."""
    fee: float
    """Share of the instances' price that comes on top."""
    request: float
    """Dollars of one request."""
    least_instances: int
    least_sandboxes: int
    """Of each version; each has one vCPU and 2 GB."""
    requests_a_sandbox: int
    """Most requests that run in a sandbox of one vCPU at once."""
    doubling: float
    """Seconds in which the number of sandboxes at most doubles."""
    scale_every: float
    """Seconds between two looks at the load (L: not documented)."""
    target: float
    """Share of a sandbox's room for requests that is to be used (L: not documented)."""


MANAGED_2025 = ManagedInstances(
    date="2025-12",
    instance="m7g.xlarge",
    instance_vcpus=4,
    instance_hour=0.1632,
    fee=0.15,
    request=0.20e-6,
    least_instances=3,
    least_sandboxes=3,
    requests_a_sandbox=16,
    doubling=300.0,
    scale_every=60.0,
    target=0.5,
)
