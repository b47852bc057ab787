"""Finds the function that a URL's host names; what is set for each URL is in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.core.function_names import FunctionName, Reference
from emulator.core.function_url import Cors, FunctionUrl, InvokeMode, UrlAuth
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.functions.targets import Target, Targets
    from emulator.live.store.resources import Document, Resources

ID = "Id"
"""Member of a URL's document that begins its host; the others are the service model's."""


@dataclass(frozen=True, slots=True)
class ServedUrl:
    """Says what a URL leads to."""

    target: Target
    url: FunctionUrl


class Urls:
    """Knows the URLs of the store by the first word of their hosts."""

    def __init__(self, resources: Resources, targets: Targets) -> None:
        self._resources = resources
        self._targets = targets
        self._keys: dict[str, Key] | None = None
        resources.watch(self._changed)

    async def find(self, host: str) -> ServedUrl | None:
        """Returns what a host's first word leads to; None where there is no such URL.

        Raises:
            ServiceError: the function cannot be invoked now.
        """
        key = self._index().get(host)
        document = None if key is None else self._resources.get(key)
        if key is None or document is None:
            return None
        reference = Reference(FunctionName(key.scope, key.name), key.qualifier)
        words = (Kind.URL, key)
        target = self._targets.get(words) or await self._targets.find(words, reference)
        return ServedUrl(target, url_of(document))

    def _index(self) -> dict[str, Key]:
        if self._keys is None:
            self._keys = {
                document[ID]: Key(scope, Kind.URL, name, qualifier)
                for scope in self._resources.scopes(Kind.URL)
                for name, documents in self._resources.all(scope, Kind.URL).items()
                for qualifier, document in documents.items()
            }
        return self._keys

    def _changed(self, keys: Collection[Key]) -> None:
        if any(key.kind is Kind.URL for key in keys):
            self._keys = None


def template_url(
    template: FunctionConfiguration, before: Document | None, now: str
) -> Document | None:
    """Returns the document of the URL that a template gives a function; None where it gives none.

    `before` is that of an earlier run, and `now` the time of a change.
    """
    if template.function_url is None:
        return None
    members = {ID: template.name.lower(), **url_members(template.function_url)}
    if before is not None and {**before, **members} == before:
        return before
    times = {"CreationTime": now, "LastModifiedTime": now}
    return (
        {**times, **members} if before is None else {**before, **members, "LastModifiedTime": now}
    )


def url_of(document: Document) -> FunctionUrl:
    """Returns the configuration that a URL's document describes."""
    cors = document.get("Cors")
    return FunctionUrl(
        UrlAuth(document["AuthType"]),
        InvokeMode(document["InvokeMode"]),
        None if cors is None else _cors(cors),
    )


def url_members(url: FunctionUrl) -> dict[str, Any]:
    """Returns the members of a URL's document that its configuration decides."""
    members: dict[str, Any] = {"AuthType": url.auth.value, "InvokeMode": url.invoke_mode.value}
    if (cors := url.cors) is not None:
        lists = {
            "AllowHeaders": list(cors.allow_headers),
            "AllowMethods": list(cors.allow_methods),
            "AllowOrigins": list(cors.allow_origins),
            "ExposeHeaders": list(cors.expose_headers),
        }
        members["Cors"] = {name: values for name, values in lists.items() if values}
        if cors.allow_credentials:
            members["Cors"]["AllowCredentials"] = True
        if cors.max_age:
            members["Cors"]["MaxAge"] = cors.max_age
    return members


def _cors(members: Document) -> Cors:
    return Cors(
        allow_credentials=members.get("AllowCredentials", False),
        allow_headers=tuple(members.get("AllowHeaders", ())),
        allow_methods=tuple(members.get("AllowMethods", ())),
        allow_origins=tuple(members.get("AllowOrigins", ())),
        expose_headers=tuple(members.get("ExposeHeaders", ())),
        max_age=members.get("MaxAge", 0),
    )
