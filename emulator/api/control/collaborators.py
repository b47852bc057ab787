"""Holds the parts of the emulator that operations on functions need; reads names in calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.api.control.links import Links
from emulator.api.control.objects import Objects
from emulator.core.function_names import NameFault, OtherRegionFault, Scope, refer
from emulator.errors import (
    ConstraintError,
    InvalidParameterValueError,
    ResourceNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.api.services.calls import Call
    from emulator.core.function_names import FunctionName, Reference
    from emulator.core.profile import Profile
    from emulator.live.aws.client import AwsClient
    from emulator.live.engine import Engine
    from emulator.live.functions.concurrency import ConcurrencySettings
    from emulator.live.functions.deployer import Deployer
    from emulator.live.functions.functions import Functions
    from emulator.live.store.archives import Archives
    from emulator.live.store.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Control:
    """Holds what operations on functions read and change."""

    catalog: Catalog
    archives: Archives
    deployer: Deployer
    concurrency: ConcurrencySettings
    engine: Engine
    profile: Profile
    links: Links
    time_of_day: Callable[[], str]
    """Writes the present time as LastModified has it."""
    read_object: Callable[[Scope, str, str, str], Awaitable[bytes]]
    """Reads an object of S3 by the account and region, the bucket, the key and the version."""


def control_of(
    functions: Functions,
    engine: Engine,
    profile: Profile,
    client: AwsClient,
    time_of_day: Callable[[], str],
) -> Control:
    """Returns the collaborators of one emulator; `client` reads code out of S3."""
    return Control(
        functions.catalog,
        functions.archives,
        functions.deployer,
        functions.concurrency,
        engine,
        profile,
        Links(),
        time_of_day,
        Objects(client).read,
    )


def scope_of(call: Call) -> Scope:
    """Returns the account and region that a call is about, unless an ARN says otherwise."""
    return Scope(call.account, call.region)


def reference(call: Call) -> Reference:
    """Returns the function, version or alias that a call names by FunctionName and Qualifier.

    Raises:
        ConstraintError: no function can have the name.
        InvalidParameterValueError: name and Qualifier are at odds.
        ResourceNotFoundError: the ARN is of another region.
    """
    arguments = call.arguments
    try:
        return refer(arguments["FunctionName"], arguments.get("Qualifier"), scope_of(call))
    except OtherRegionFault as fault:
        raise ResourceNotFoundError(str(fault)) from fault
    except NameFault as fault:
        sentence = str(fault)
        kind = ConstraintError if sentence[:1].isdigit() else InvalidParameterValueError
        raise kind(sentence) from fault


def function_name(call: Call) -> FunctionName:
    """Returns the function that a call names; raises as `reference`."""
    return reference(call).function
