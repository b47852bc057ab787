"""Offers the values that an option takes: to its help, to the shell's completion, to its check.

The values belong to rooms that are slow to import, so each is looked up when somebody wants it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def backends() -> list[str]:
    """Returns the backends, automatic choice included."""
    from emulator.config import BackendChoice  # noqa: PLC0415

    return [str(choice) for choice in BackendChoice]


def profiles() -> list[str]:
    """Returns the names of the profiles."""
    from emulator.core.profiles import PROFILES  # noqa: PLC0415

    return sorted(PROFILES)


def pick_orders() -> list[str]:
    """Returns the orders in which idle sandboxes are taken."""
    from emulator.core.policy import PickOrder  # noqa: PLC0415

    return [str(order) for order in PickOrder]


def lifetimes() -> list[str]:
    """Returns the names of the laws of idle time."""
    from emulator.core.lifetimes import LIFETIMES  # noqa: PLC0415

    return list(LIFETIMES)


def ages() -> list[str]:
    """Returns the names of the laws of age."""
    from emulator.core.lifetimes import AGES, NEVER  # noqa: PLC0415

    return [*AGES, NEVER]


def left_events() -> list[str]:
    """Returns what may be done with the events of an earlier run."""
    from emulator.core.asynchronous.left_events import LeftEvents  # noqa: PLC0415

    return [str(choice) for choice in LeftEvents]


def policies() -> list[str]:
    """Returns the names of the policies."""
    from emulator.core.policies.catalogue import POLICIES  # noqa: PLC0415

    return list(POLICIES)


def bindings() -> list[str]:
    """Returns the ways in which requests wait."""
    from emulator.core.policy import Binding  # noqa: PLC0415

    return [str(binding) for binding in Binding]


def admissions() -> list[str]:
    """Returns what may happen where the host is full."""
    from emulator.core.policy import Admission  # noqa: PLC0415

    return [str(admission) for admission in Admission]


def auths() -> list[str]:
    """Returns the ways in which signatures are checked."""
    from emulator.config import Auth  # noqa: PLC0415

    return [str(auth) for auth in Auth]


def page_caches() -> list[str]:
    """Returns the kinds of page cache."""
    from emulator.config import PageCache  # noqa: PLC0415

    return [str(choice) for choice in PageCache]


def network_paths() -> list[str]:
    """Returns the names of the network paths."""
    from emulator.core.network_paths import PATHS  # noqa: PLC0415

    return list(PATHS)


def strategies() -> list[str]:
    """Returns what a memory size can be best at."""
    return ["cost", "speed", "balanced"]


def real_backends() -> list[str]:
    """Returns the backends that run functions."""
    return ["docker", "process"]


def price_tables() -> list[str]:
    """Returns the names of the price tables."""
    from emulator.core.profiles import PRICE_TABLES  # noqa: PLC0415

    return list(PRICE_TABLES)


def completer(values: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Returns a function that completes a word of the command line to the values."""

    def complete(incomplete: str) -> list[str]:
        return [value for value in values() if value.startswith(incomplete)]

    return complete


def checker(values: Callable[[], Iterable[str]]) -> Callable[[str], str]:
    """Returns a function that refuses a word outside the values, as a usage error."""

    def check(word: str) -> str:
        known = list(values())
        if word not in known:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(known)}.")
        return word

    return check
