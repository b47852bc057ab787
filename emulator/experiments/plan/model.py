"""Defines a plan as its TOML file writes it: what is varied, under which load, how often.

Owns the keys and their defaults, but for those of loads (scenarios.py); pydantic checks them by the
types of values.py. loader.py reads the file, faults.py puts what is wrong into sentences, checks.py
says what cannot go together, cells.py makes cells of a plan. What a cell leaves is not known here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from emulator.core.network_paths import NO_NETWORK
from emulator.core.policies.catalogue import LIFETIME
from emulator.core.policy import InitCpu, PickOrder
from emulator.experiments.plan.scenarios import PlanTable, Scenario
from emulator.experiments.plan.values import (
    PROFILE_KEEP_ALIVE,
    BesidePlan,
    Count,
    Dilation,
    ExistingFile,
    ExistingFolder,
    FolderName,
    KeepAlive,
    Number,
    OneOrAll,
    OneOrMore,
    PathName,
    PlanSource,
    PolicyName,
    Positive,
    ProfileName,
    Route,
    Text,
    Whole,
)


def _tables(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of tables, [[scenario]]")  # noqa: TRY004  # pydantic's
    return tuple(value)


def _ablations(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of tables, [[without]]")  # noqa: TRY004  # pydantic's
    return tuple(value)


def _or_gone(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Lets pass what the loader put in the place of a faulty scenario, to keep their numbers."""
    return None if value is None else check(value)


def _without_gone(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value for value in values if value is not None)


class Loading(StrEnum):
    """Names how a function comes by its model; the function reads it from MODEL_LOADING."""

    TEMPLATE = "template"
    """As the template has it: no variable is set."""
    PACKAGE = "package"
    LAYER = "layer"
    S3_INIT = "s3-init"
    S3_FIRST_REQUEST = "s3-first-request"
    S3_TMP = "s3-tmp"
    S3_EVERY_REQUEST = "s3-every-request"
    EVERY_REQUEST = "every-request"


class Part(StrEnum):
    """Names the parts of the testbed that a cell can run without, to show what each makes."""

    NETWORK = "network"
    """The way between client and function."""
    METASPACE = "metaspace-limit"
    """The flag by which Lambda limited a JVM's class metadata to a tenth of the memory."""
    INIT_BOOST = "init-boost"
    """The whole vCPU that an init has at least."""
    LIFETIMES = "lifetime-curve"
    """The idle lifetimes of the study's region."""
    MODEL = "model-each-request"
    """The loading of the model for each request."""


S3_LOADINGS = frozenset(loading for loading in Loading if loading.startswith("s3-"))


class PlannedFunction(PlanTable):
    """Describes how one function is asked, and where its model is."""

    path: Route = ""
    """Path to post to; empty: the function's first POST route, else Invoke."""
    payload: ExistingFile | None = None
    """JSON file to post; None: batches of KDD99 records."""
    model: ExistingFolder | None = None
    """Folder that the S3 loadings find in their bucket, zipped."""
    package_mb: Number = 0.0
    """MB of the function's zip, for a simulation, which has none to weigh."""
    reserved_concurrency: Whole | None = None
    """In place of the template's; None: as the template has it."""


class Axes(PlanTable):
    """Describes what is varied: every combination is a cell."""

    function: OneOrMore[Text] = ()
    memory_mb: OneOrMore[Count] = ()
    loading: OneOrMore[Annotated[Loading, Field(strict=False)]] = (Loading.TEMPLATE,)
    profile: OneOrMore[ProfileName] = ("aws-2026",)
    backend: OneOrMore[Literal["auto", "docker", "process"]] = ("auto",)
    keep_alive: OneOrMore[KeepAlive] = (PROFILE_KEEP_ALIVE,)
    policy: OneOrMore[PolicyName] = (LIFETIME,)
    pick_order: OneOrMore[Annotated[PickOrder, Field(strict=False)]] = (
        PickOrder.MOST_RECENTLY_USED,
    )


class Network(PlanTable):
    """Describes what lies between clients and functions; every path is a cell of its own."""

    path: OneOrMore[PathName] = (NO_NETWORK,)


class Base(StrEnum):
    """Says whether a plan runs its cells whole, beside those without a part."""

    RUN = "run"
    ABLATED = "ablated"
    """Only the cells that a part is taken from."""
    SKIP = "skip"


class Ablation(PlanTable):
    """Describes cells of the plan run again without one part; empty lists mean all of them."""

    part: Annotated[Part, Field(strict=False)] | None = None
    function: OneOrAll[Text] = ()
    memory_mb: OneOrAll[Count] = ()
    scenario: OneOrAll[Text] = ()
    """Kinds of load."""
    network: PathName | None = None
    loading: Annotated[Loading, Field(strict=False)] | None = None
    keep_alive: KeepAlive | None = None
    init_cpu: Annotated[InitCpu, Field(strict=False)] | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    """Environment variables that the function has besides its template's, or in their place."""

    @property
    def changes(self) -> dict[str, Any]:
        """Axes of a cell's condition that have another value without the part."""
        values = {
            "network": self.network,
            "loading": self.loading,
            "keep_alive": self.keep_alive,
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    def concerns(self, function: str, memory_mb: int, scenario: str) -> bool:
        """Tells whether a cell runs again without the part."""
        return all(
            not chosen or value in chosen
            for chosen, value in (
                (self.function, function),
                (self.memory_mb, memory_mb),
                (self.scenario, scenario),
            )
        )


class Plan(PlanTable):
    """Describes a whole study. A key that must be there is empty here, and checks.py misses it."""

    name: FolderName
    template: BesidePlan = Field(default="../functions/template.yaml", validate_default=True)
    seed: Whole = 0
    repetitions: Count = 1
    dilation: OneOrMore[Dilation] = (1,)
    """How many times slower than life; None: the least that each cell's host does for."""
    page_cache: OneOrMore[Literal["hot", "cold", "private"]] = ("hot",)
    network: Network = Network()
    init_timeout: Positive | None = None
    behaviours: ExistingFile | None = None
    """TOML file of how long the functions take, for `testbed simulate`."""
    host_memory: Annotated[int, Field(ge=128)] | None = None
    axes: Axes = Axes()
    scenarios: Annotated[
        tuple[
            Annotated[Scenario, Field(discriminator="kind"), WrapValidator(_or_gone)],
            ...,
        ],
        BeforeValidator(_tables),
        Field(min_length=1),
        AfterValidator(_without_gone),
    ] = Field(default=(), alias="scenario")
    functions: dict[str, PlannedFunction] = Field(default_factory=dict)
    without: Annotated[tuple[Ablation, ...], BeforeValidator(_ablations)] = ()
    base: Annotated[Base, Field(strict=False)] = Base.RUN
    _source: PlanSource | None = PrivateAttr(None)

    def model_post_init(self, context: Any) -> None:
        self._source = context if isinstance(context, PlanSource) else None

    @property
    def text(self) -> str:
        """The plan as its file has it."""
        return self._source.text if self._source else ""

    @property
    def raw(self) -> dict[str, Any]:
        """The plan's file as TOML parses it."""
        return self._source.raw if self._source else {}
