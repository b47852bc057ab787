"""Offers the hooks of AWS's library of this name, which the managed Python runtimes have.

A function registers what is to run before its snapshot is taken, and after each restore. The
runtime runs the hooks: those before the snapshot in the reverse order of their registration, those
after in its order ("Lambda SnapStart runtime hooks for Python", developer guide). A package that
brings AWS's own library, by the same functions, goes before this one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, TypeVar

    Parameters = ParamSpec("Parameters")
    Result = TypeVar("Result")
    Hook = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_before_snapshot: list[Hook] = []
_after_restore: list[Hook] = []


def register_before_snapshot(
    func: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Callable[Parameters, Result]:
    """Has `func` called with these arguments before the snapshot; also a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(
    func: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Callable[Parameters, Result]:
    """Has `func` called with these arguments after each restore; also a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot() -> list[Hook]:
    """Returns the hooks before the snapshot, in the order of their registration."""
    return _before_snapshot


def get_after_restore() -> list[Hook]:
    """Returns the hooks after a restore, in the order of their registration."""
    return _after_restore
