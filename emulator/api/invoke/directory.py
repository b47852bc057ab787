"""Finds what an invocation is for: a look into a table, but for the first request of its words."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, unquote_to_bytes

from emulator.core.function_names import (
    FunctionName,
    NameFault,
    OtherRegionFault,
    Scope,
    account_of,
    refer,
)
from emulator.errors import InvalidParameterValueError, ResourceNotFoundError
from emulator.live.functions.targets import Target
from emulator.live.store.catalog import not_found

if TYPE_CHECKING:
    from emulator.core.function_names import Reference
    from emulator.live.engine import Engine
    from emulator.live.functions.targets import Targets

log = logging.getLogger(__name__)

Words = tuple[str, bytes, bytes]
"""The function's path, the query, and the credential of the signature, as the request has them."""
_PATH = re.compile(r"/\d{4}-\d{2}-\d{2}/functions/(?P<name>.*)/[a-z-]+")
_CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d+/([a-z0-9-]+)/lambda/")


class Directory(Protocol):
    """Knows which function a request means."""

    def get(self, words: Words) -> Target | None:
        """Returns what `find` found for the same words; None where `find` must be asked."""

    async def find(self, words: Words) -> Target:
        """Returns what a request is for; every version that may serve it is ready.

        Raises:
            ServiceError: there is no such function, or it cannot be invoked now.
        """


class FunctionDirectory:
    """Knows the functions of the catalogue; `home` is what an unsigned request means."""

    def __init__(self, targets: Targets, home: Scope) -> None:
        self._targets = targets
        self._home = home
        self.get = targets.get  # one call less on the way of every request

    async def find(self, words: Words) -> Target:
        reference = asked_for(words, self._home)
        try:
            return await self._targets.find(words, reference)
        except ResourceNotFoundError:
            self._tell_where(reference.function)
            raise

    def _tell_where(self, missed: FunctionName) -> None:
        """Logs where a function is that was looked for in another region or account."""
        if missed.scope != self._home and self._targets.knows(
            FunctionName(self._home, missed.name)
        ):
            log.warning(
                "%s was asked for in %s of account %s and is in %s of %s (--region, --account)",
                missed.name,
                missed.scope.region,
                missed.scope.account,
                self._home.region,
                self._home.account,
            )


class DeployedDirectory:
    """Knows what the engine has deployed, where there is no catalogue."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, words: Words) -> Target | None:
        reference = asked_for(words, Scope())
        key = reference.function.key(reference.qualifier or "$LATEST", reference.function.scope)
        if not self._engine.has(key):
            return None
        return Target(key, reference.arn, reference.function.arn())

    async def find(self, words: Words) -> Target:
        raise not_found(asked_for(words, Scope()))


def asked_for(words: Words, home: Scope) -> Reference:
    """Returns the function that a request names.

    Raises:
        InvalidParameterValueError: no function can have the name.
        ResourceNotFoundError: the name is an ARN of another region.
    """
    path, query, credential = words
    found = _PATH.fullmatch(path)
    signed = credential or unquote_to_bytes(query)  # a link that was signed has it there
    qualifiers = parse_qs(query.decode("latin-1")).get("Qualifier")
    try:
        name = found["name"] if found else path
        return refer(name, qualifiers[0] if qualifiers else None, _scope(signed, home))
    except OtherRegionFault as fault:
        raise ResourceNotFoundError(str(fault)) from fault
    except NameFault as fault:
        raise InvalidParameterValueError(str(fault)) from fault


def _scope(credential: bytes, home: Scope) -> Scope:
    signed = _CREDENTIAL.search(credential)
    if signed is None:
        return home
    key, region = (part.decode("latin-1") for part in signed.groups())
    return Scope(account_of(key, home.account), region)
