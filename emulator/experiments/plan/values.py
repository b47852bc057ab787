"""Defines the types of values in a plan, with the checks that pydantic makes of each by itself.

Owns what one value may be and how a path in a plan is understood. Each check raises ValueError
with what is wrong. Which keys there are is the models' (model.py).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from emulator.core.lifetimes import LIFETIMES
from emulator.core.network_paths import PATHS
from emulator.core.profiles import PROFILES
from emulator.errors import SettingsError
from emulator.experiments.plan.paths import existing_file, existing_folder, last_arrival
from emulator.policy_choice import chosen

AUTO = "auto"
"""The dilation that is chosen for each cell, by its load and its host."""
PROFILE_KEEP_ALIVE = "profile"
"""The keep-alive that is the profile's survival curve."""
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlanSource:
    """Holds the file that a plan is read from; the context of its validation."""

    path: Path
    text: str
    raw: dict[str, Any] = field(default_factory=dict)
    """The file as TOML parses it."""

    @property
    def folder(self) -> Path:
        return self.path.parent.resolve()


def _folder(info: ValidationInfo) -> Path:
    return info.context.folder if isinstance(info.context, PlanSource) else Path()


def _beside(value: Any, info: ValidationInfo) -> Any:
    return _folder(info) / value if isinstance(value, str) and value else value


def _file(value: Any, info: ValidationInfo) -> Any:
    return existing_file(_folder(info), value) if isinstance(value, str) else value


def _directory(value: Any, info: ValidationInfo) -> Any:
    return existing_folder(_folder(info), value) if isinstance(value, str) else value


def _listed(value: Any) -> tuple[Any, ...]:
    """Takes one value for a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _folder_name(name: str) -> str:
    if not _FOLDER_NAME.fullmatch(name):
        raise ValueError(f"names a folder: letters, digits, dots and dashes, not {name!r}")
    return name


def _profile(name: str) -> str:
    if name not in PROFILES:
        raise ValueError(f"must be one of {', '.join(PROFILES)}, not {name!r}")
    return name


def _path(name: str) -> str:
    if name not in PATHS:
        raise ValueError(f"must be one of {', '.join(PATHS)}, not {name!r}")
    return name


def _keep_alive(value: Any) -> str:
    """Returns `profile`, a name of LIFETIMES, or seconds written in one way."""
    seconds = isinstance(value, int | float) and not isinstance(value, bool)
    if seconds and math.isfinite(value) and value >= 0:
        return f"{value:.12g}"
    if value not in (PROFILE_KEEP_ALIVE, *LIFETIMES):
        names = ", ".join(LIFETIMES)
        raise ValueError(f"must be seconds, {PROFILE_KEEP_ALIVE!r}, {names}, not {value!r}")
    return str(value)


def _policy(text: Any, info: ValidationInfo) -> str:
    """Returns a policy's name as written, with the full path of a file beside the plan."""
    if not isinstance(text, str):
        raise ValueError(f"must be the name of a policy, not {text!r}")  # noqa: TRY004  # as others
    file, suffix, rest = text.partition(".py:")
    if suffix:
        file = f"{existing_file(_folder(info), file + '.py')}:"
    name = f"{file}{rest}"
    try:
        chosen(name)
    except SettingsError as error:
        raise ValueError(str(error)) from None
    return name


def _dilation(value: Any) -> int | None:
    """Returns a whole number, or None for `auto`."""
    if value == AUTO:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"must be a whole number or {AUTO!r}, not {value!r}")  # noqa: TRY004
    if value < 1:
        raise ValueError(f"must be at least 1, not {value!r}")
    return value


def _rising(minutes: tuple[float, ...]) -> tuple[float, ...]:
    if list(minutes) != sorted(set(minutes)):
        raise ValueError("must rise")
    return minutes


def _route(path: str) -> str:
    if path and not path.startswith("/"):
        raise ValueError(f"must begin with a slash, not {path!r}")
    return path


def _with_arrivals(trace: Path) -> Path:
    last_arrival(trace)
    return trace


Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
OneOrMore = Annotated[tuple[T, ...], BeforeValidator(_listed), Field(min_length=1)]
"""A list, which a plan may write as one value where there is only one."""
OneOrAll = Annotated[tuple[T, ...], BeforeValidator(_listed)]
"""A list, or one value; nothing means all there are."""
ExistingFile = Annotated[Path, BeforeValidator(_file)]
ExistingFolder = Annotated[Path, BeforeValidator(_directory)]
FolderName = Annotated[str, AfterValidator(_folder_name)]
"""A name that a run's folder may have."""
ProfileName = Annotated[str, AfterValidator(_profile)]
Dilation = Annotated[int | None, BeforeValidator(_dilation)]
"""A whole number; None: `auto`."""
PathName = Annotated[str, AfterValidator(_path)]
"""A name of what lies between clients and functions."""
KeepAlive = Annotated[str, BeforeValidator(_keep_alive)]
PolicyName = Annotated[str, BeforeValidator(_policy)]
"""A policy's name, or `FILE.py:CLASS`, with parameters."""
Route = Annotated[str, AfterValidator(_route)]
"""A path of a URL, or nothing."""
RisingMinutes = Annotated[OneOrMore[Number], AfterValidator(_rising)]
TraceFile = Annotated[ExistingFile, AfterValidator(_with_arrivals)]
"""A CSV file with a column `at`: seconds since its beginning, rising."""
BesidePlan = Annotated[Path, BeforeValidator(_beside)]
"""A path relative to the plan, of which nothing else is checked here."""
