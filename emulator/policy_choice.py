"""Finds the policy that a user names: one of ours, or a class in a Python file of theirs.

Written as `NAME` or `FILE.py:CLASS`, with `:key=value` behind for each parameter.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.core.policies.catalogue import POLICIES
from emulator.core.policies.interface import Policy, PolicyChoice
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>[^:=]+)(?P<given>(:[^:]*)*)")
_HOOKS = [
    name for name, value in vars(Policy).items() if inspect.isfunction(value) and name[0] != "_"
]


@cache
def chosen(text: str) -> PolicyChoice | None:
    """Returns what the user chose; None for `lifetime`, where the keep-alive decides alone.

    Raises:
        SettingsError: there is no such policy, file, class or parameter, or the class lacks what
            the scheduler calls.
    """
    source = ""
    if (found := _FILE.fullmatch(text)) is not None:
        path = Path(found["file"])
        source = _text(path)
        kind, given = _class(path, found["name"]), found["given"][1:]
    else:
        name, _, given = text.partition(":")
        if name not in POLICIES:
            known = ", ".join(POLICIES)
            raise SettingsError(f"policy {text!r} is neither FILE.py:CLASS nor one of {known}")
        kind = POLICIES[name]
    parameters = _parameters(text, given)
    _check_numbers(text, kind, parameters)
    make = partial(kind, **parameters)
    _try(text, make)
    return None if kind is Policy else PolicyChoice(text, make, source)


def _parameters(text: str, given: str) -> dict[str, Any]:
    found = {}
    for word in given.split(":") if given else ():
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise SettingsError(f"policy {text}: {word!r} is no parameter, such as seconds=600")
        found[key] = _value(value)
    return found


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _check_numbers(text: str, kind: type[Policy], given: Mapping[str, Any]) -> None:
    """Refuses a word where the class has a number by default."""
    there = inspect.signature(kind).parameters
    for name, value in given.items():
        default = there[name].default if name in there else None
        if isinstance(default, int | float) and not isinstance(value, int | float):
            raise SettingsError(f"policy {text}: {name} must be a number, not {value!r}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"policy file {path}: {reason}") from error


def _class(path: Path, name: str) -> type[Policy]:
    kind = vars(_module(path)).get(name)
    if kind is None:
        raise SettingsError(f"policy file {path} has no class {name}")
    if not (isinstance(kind, type) and issubclass(kind, Policy)):
        base = f"{Policy.__module__}.{Policy.__name__}"
        raise SettingsError(f"policy file {path}: {name} is no subclass of {base}")
    for hook in _HOOKS:
        _check_hook(f"policy file {path}: {name}", kind, hook)
    return kind


def _module(path: Path) -> ModuleType:
    """Runs a policy file, which its user has asked for."""
    name = f"testbed_policy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"policy file {path} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SettingsError(f"policy file {path}: {type(error).__name__}: {error}") from error
    return module


def _check_hook(where: str, kind: type[Policy], hook: str) -> None:
    """Refuses a class whose hook cannot take what the scheduler passes to the base's."""
    wanted = inspect.signature(getattr(Policy, hook)).parameters.values()
    takes = inspect.signature(getattr(kind, hook))
    by_name = [each.name for each in wanted if each.kind is inspect.Parameter.KEYWORD_ONLY]
    by_place = [each.name for each in wanted if each.name not in by_name]
    try:
        takes.bind(*by_place, **dict.fromkeys(by_name))
    except TypeError:
        told = ", ".join(map(str, inspect.signature(getattr(Policy, hook)).parameters))
        given = ", ".join(takes.parameters)
        raise SettingsError(f"{where}.{hook} must take ({told}), and takes ({given})") from None


def _try(text: str, make: partial[Policy]) -> None:
    """Makes the policy once, so that a wrong parameter is told before anything runs."""
    try:
        policy = make()
    except Exception as error:
        raise SettingsError(f"policy {text}: {error}") from error
    if not hasattr(policy, "orders"):
        raise SettingsError(f"policy {text}: its __init__ must call super().__init__()")
