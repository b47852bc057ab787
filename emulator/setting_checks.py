"""Checks what single settings say, and brings each to one form.

Every check raises a ValueError whose sentence tells a user what is wrong.
"""

from __future__ import annotations

import math
import re
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from emulator.core.lifetimes import AGES, LIFETIMES, NEVER
from emulator.core.load_balancer import target_of
from emulator.core.profiles import PROFILES
from emulator.core.stem_cells import read_stem_cells


def checked_address(url: str) -> str:
    """Returns `http://host:port` without a slash at the end.

    Raises:
        ValueError: the text is something else.
    """
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # no port, no IPv6 address
        right = False
    if not right:
        raise ValueError(f"{url!r} is no http://host:port")
    if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is more than http://host:port")
    return f"{parts.scheme}://{parts.netloc}"


def checked_profile(name: str) -> str:
    """Returns the name of a profile; raises a ValueError where there is none of that name."""
    if name not in PROFILES:
        raise ValueError(f"{name!r} is none of {', '.join(sorted(PROFILES))}")
    return name


def known_lifetimes(value: object) -> object:
    """Returns the name of known lifetimes, or seconds; raises ValueError for what is neither."""
    return _seconds_or_one_of((*LIFETIMES,), value)


def known_ages(value: object) -> object:
    """Returns the name of known ages, or seconds; raises ValueError for what is neither."""
    return _seconds_or_one_of((*AGES, NEVER), value)


def _seconds_or_one_of(names: tuple[str, ...], value: object) -> object:
    if value is None or value in names:
        return value
    try:
        seconds = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is neither seconds nor one of {', '.join(names)}") from None
    if not math.isfinite(seconds):
        raise ValueError(f"{value!r} is not a number")
    if seconds < 0:
        raise ValueError(f"{value!r} is below 0")
    return seconds


def no_truth(value: object) -> object:
    """Refuses true and false, which pydantic takes for 1 and 0."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "")
    return value


def paired(value: object) -> object:
    """Returns URLs by service, of a table, or of `SERVICE=URL` in a list or with spaces between.

    Raises:
        ValueError: the value is neither, or names a service twice.
    """
    if isinstance(value, dict):
        return value
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list):
        raise ValueError(f"{value!r} is no table of services")  # noqa: TRY004  # pydantic's kind
    found: dict[str, str] = {}
    for word in words:
        service, equals, url = str(word).partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not SERVICE=URL (s3=http://localhost:9000)")
        if service in found:
            raise ValueError(f"{service} has two endpoints")
        found[service] = url
    return found


_OWN_SERVICES = frozenset({"lambda", "logs", "monitoring"})
_SERVICE = re.compile(r"[a-z][a-z0-9.-]*")


def checked_service(name: str) -> str:
    """Returns a service whose calls may go elsewhere; raises a ValueError for any other."""
    if not _SERVICE.fullmatch(name):
        raise ValueError(f"{name!r} is no service (s3=http://localhost:9000)")
    if name in _OWN_SERVICES:
        raise ValueError(f"{name} is what the emulator itself serves")
    return name


def worded(value: object) -> object:
    """Returns a list, also of a text whose words are its items."""
    return value.split() if isinstance(value, str) else value


def counted_cells(value: object) -> object:
    """Returns the words of a number of stem cells, or of several; a table's as `RUNTIME=N`."""
    if isinstance(value, dict):
        return [f"{runtime}={count}" for runtime, count in value.items()]
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    return value.replace(",", " ").split() if isinstance(value, str) else value


def checked_cells(words: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the words of numbers of stem cells; raises a ValueError where they are none."""
    read_stem_cells(words)
    return words


def checked_target(text: str) -> str:
    """Returns a load balancer's target; raises a ValueError where the text is none."""
    target_of(text)
    return text


def checked_account(text: str) -> str:
    """Returns the id of an account; raises a ValueError where the text is none."""
    if not (len(text) == _ACCOUNT_DIGITS and text.isdecimal()):
        raise ValueError(f"{text!r} is no account: twelve digits")
    return text


def checked_region(text: str) -> str:
    """Returns the name of a region; raises a ValueError where the text is none."""
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", text):
        raise ValueError(f"{text!r} is no region (eu-central-1)")
    return text


_ACCOUNT_DIGITS = 12
