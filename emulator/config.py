"""Merges settings: defaults, then a TOML file, TESTBED_* variables, the command line.

Owns what a setting may be, and where a faulty one was stated. Reads no file and no environment.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from emulator.core.asynchronous.left_events import LeftEvents
from emulator.core.function_names import DEFAULT_ACCOUNT, DEFAULT_REGION
from emulator.core.network_paths import NO_NETWORK, checked_path
from emulator.core.policies.catalogue import LIFETIME
from emulator.core.policy import Admission, Binding, InitCpu, PickOrder
from emulator.errors import SettingsError
from emulator.setting_checks import (
    checked_account,
    checked_address,
    checked_cells,
    checked_profile,
    checked_region,
    checked_service,
    checked_target,
    counted_cells,
    known_ages,
    known_lifetimes,
    no_truth,
    paired,
    worded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails


class PageCache(StrEnum):
    """Says who shares the pages of files that were read from disk."""

    SHARED = "shared"
    """All that runs on this machine, as the kernel has it."""
    PRIVATE = "private"
    """Nobody: each sandbox reads its files from disk, as a microVM does."""


class BackendChoice(StrEnum):
    """Names the backends that a user can choose."""

    AUTO = "auto"
    DOCKER = "docker"
    PROCESS = "process"


class Auth(StrEnum):
    """Says who may call the APIs of the emulator."""

    STRICT = "strict"
    """Who signs with a key of IAM's, and has the right."""
    OFF = "off"
    """Everyone who reaches the gateway."""


NO_TEMPLATE = Path("none")
"""What `template` is where there is none."""
_Integer = Annotated[int, BeforeValidator(no_truth)]
_Number = Annotated[float, BeforeValidator(no_truth), Field(allow_inf_nan=False)]
_Endpoints = Annotated[
    dict[
        Annotated[str, AfterValidator(checked_service)],
        Annotated[str, AfterValidator(checked_address)],
    ],
    BeforeValidator(paired),
]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Holds how one emulator behaves. Times are in seconds, memory in MB."""

    host: str = "127.0.0.1"
    port: Annotated[_Integer, Field(ge=0, le=65_535)] = 8000
    template: Path = Path("functions/template.yaml")
    """A SAM template; `none`: there are no functions but those made by API."""
    account: Annotated[str, AfterValidator(checked_account)] = DEFAULT_ACCOUNT
    """Account of the template's functions, and of callers whose key names none."""
    region: Annotated[str, AfterValidator(checked_region)] = DEFAULT_REGION
    """Region of the template's functions, and of requests that are not signed."""
    backend: BackendChoice = BackendChoice.AUTO
    oci_runtime: str = ""
    """Name of the Docker engine's runtime of sandboxes (`crun`); empty: the engine's default."""
    profile: Annotated[str, AfterValidator(checked_profile)] = "aws-2026"
    keep_alive: Annotated[float | str | None, BeforeValidator(known_lifetimes)] = None
    """Idle lifetime, in seconds or by a name of LIFETIMES; None: the profile's survival curve;
    0: every request is a cold start."""
    recycle_age: Annotated[float | str | None, BeforeValidator(known_ages)] = None
    """Age at which a sandbox ends, used or not, in seconds or by a name of AGES; `never`: at none;
    None: the profile's."""
    policy: str = LIFETIME
    """Who decides about idle sandboxes: a policy's name, or a class in a file of the user's."""
    idle_speedup: Annotated[_Number, Field(gt=0)] = 1.0
    pick_order: PickOrder = PickOrder.MOST_RECENTLY_USED
    binding: Binding = Binding.EARLY
    host_memory: Annotated[_Integer, Field(ge=128)] | None = None
    """Memory that all sandboxes together may have; None: three quarters of this machine's."""
    admission: Admission = Admission.ACTUAL
    """Whether a sandbox counts with what it uses, or with its function's memory size."""
    journal_limit: Annotated[_Integer, Field(ge=0)] = 1024
    """MB to which a run's journal grows; 0: without a limit."""
    log_limit: Annotated[_Integer, Field(ge=1)] = 256
    """MB of all functions' log events that are kept; the oldest go first."""
    start_width: Annotated[_Integer, Field(ge=1)] = 4
    """Number of sandboxes that may be in creation or init at once."""
    stem_cells: Annotated[
        tuple[str, ...], BeforeValidator(counted_cells), AfterValidator(checked_cells)
    ] = ()
    """Stem cells that are kept: `N` of every runtime, or `RUNTIME=N`; none, as on Lambda."""
    init_cpu: InitCpu = InitCpu.BOOSTED
    init_timeout: Annotated[_Number, Field(gt=0)] | None = None
    """Limit of an init; None: the profile's."""
    page_cache: PageCache = PageCache.SHARED
    read_ahead: Annotated[_Integer, Field(ge=0)] | None = None
    """KB that disks of sandboxes' files read ahead while the emulator runs; None: unchanged."""
    seed: Annotated[_Integer, Field(ge=0)] = 0
    state_dir: Path = Path(".testbed")
    run_dir: Path | None = None
    """Folder of the journal; None: a new one in the state directory."""
    left_events: LeftEvents = LeftEvents.TAKE_UP
    """What becomes of asynchronous events that had not ended when the state was last in use."""
    cgroup_root: Path = Path("/sys/fs/cgroup")
    # the kernel takes no CPU period above a second
    dilation: Annotated[_Number, Field(ge=1, le=50)] = 1.0
    """Factor by which everything runs slower, where CPUs are few; see MonotonicClock."""
    network: Annotated[str, AfterValidator(checked_path)] = NO_NETWORK
    """Name of what lies between clients and functions; `local`: nothing."""
    companion: bool = True
    """Whether a moto server stands in for AWS services that have no endpoint of their own."""
    auth: Auth | None = None
    """None: off, as long as the gateway listens on a loopback address alone."""
    aws_endpoint: _Endpoints = Field(default_factory=dict)
    """Address of each service, `http://host:port` by the name in signatures (`s3`, `sqs`)."""
    alb: Annotated[
        tuple[Annotated[str, AfterValidator(checked_target)], ...], BeforeValidator(worded)
    ] = ()
    """Functions behind a load balancer: `FUNCTION`, or `FUNCTION:multi-value`."""


NAMES = tuple(Settings.__dataclass_fields__)
"""The names of all settings, as the settings file has them."""


def load(
    environ: Mapping[str, str], toml: Mapping[str, Any], options: Mapping[str, Any]
) -> Settings:
    """Merges the three sources; a value that is None or empty was not given.

    Raises:
        SettingsError: names every fault, each with the place that states it.
    """
    faults = [
        f"unknown setting {name!r} in the settings file" for name in toml if name not in NAMES
    ]
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for name in NAMES:
        variable = f"TESTBED_{name.upper()}"
        for place, value in (
            (f"--{name.replace('_', '-')}", options.get(name)),
            (variable, environ.get(variable)),
            (f"{name} in the settings file", toml.get(name)),
        ):
            if value is not None and value != "":
                values[name], places[name] = value, place
                break
    if values.get("host_memory") == Admission.NOMINAL:  # the old way, said in one word
        del values["host_memory"]
        values["admission"] = Admission.NOMINAL
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += [
            f"{places[str(detail['loc'][0])]}: {_sentence(detail)}" for detail in error.errors()
        ]
    if faults:
        raise SettingsError("; ".join(dict.fromkeys(faults)))
    return settings


_MOST_SHOWN = 80
_NO_INTEGER = "{input} is not a whole number"
_NO_NUMBER = "{input} is not a number"
_SENTENCES = {
    "int_parsing": _NO_INTEGER,
    "int_parsing_size": _NO_INTEGER,
    "int_type": _NO_INTEGER,
    "int_from_float": _NO_INTEGER,
    "float_parsing": _NO_NUMBER,
    "float_type": _NO_NUMBER,
    "finite_number": _NO_NUMBER,
    "number": _NO_NUMBER,
    "greater_than": "{input} is not above {gt:g}",
    "greater_than_equal": "{input} is below {ge:g}",
    "less_than_equal": "{input} is above {le:g}",
    "bool_parsing": "{input} is neither true nor false",
    "bool_type": "{input} is neither true nor false",
    "string_type": "{input} is no text",
    "path_type": "{input} is no text",
    "value_error": "{error}",
}
"""The sentence for each of pydantic's kinds of faults that settings meet."""


def _sentence(detail: ErrorDetails) -> str:
    known: dict[str, Any] = {**detail.get("ctx", {}), "input": _shown(detail["input"])}
    if detail["type"] == "enum":
        members = known["expected"].replace("'", "").replace(" or ", ", ")
        return f"{known['input']} is none of {members}"
    sentence = _SENTENCES.get(detail["type"], "{input}: " + detail["msg"])
    return sentence.format(**known)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
