"""Knows the functions of every account and region: their versions, aliases and configurations.

Owns how documents of functions look and how a name is resolved. How a version becomes one that can
be invoked is `live.functions`' matter; what a client may ask for is the API's.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from emulator.core.function_names import FunctionName, Reference, is_version
from emulator.core.version_key import LATEST
from emulator.errors import ResourceNotFoundError
from emulator.live.store.layers import Layers
from emulator.live.store.resources import OF_FUNCTIONS, Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_names import Scope
    from emulator.live.store.resources import Document, Resources


class State(StrEnum):
    """Names the states of a version, in the words of the service model."""

    PENDING = "Pending"
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    FAILED = "Failed"


class UpdateStatus(StrEnum):
    """Names the states of a version's last update, in the words of the service model."""

    SUCCESSFUL = "Successful"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Status:
    """Holds whether a version can be invoked, and why not."""

    state: State = State.PENDING
    reason: str = "The function is being created."
    reason_code: str = "Creating"
    update: UpdateStatus = UpdateStatus.SUCCESSFUL
    update_reason: str = ""
    update_reason_code: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Says where a version's code is: `archive`, `folder`, `image_uri` or `dockerfile`."""

    sha256: str = ""
    """SHA-256 of the code in base64, as CodeSha256 has it."""
    size: int = 0
    """Bytes of the code as a zip; 0 for an image."""
    archive: str = ""
    """Name of a zip in the emulator's store of code."""
    folder: str = ""
    """Folder of a template's function."""
    image_uri: str = ""
    dockerfile: str = ""
    """Path of the Dockerfile of a template's image function."""
    context: str = ""
    """Path of the folder from which the Dockerfile copies."""
    unzipped: int = 0
    """Bytes of the archive's files."""
    layers: tuple[str, ...] = ()
    """Folders of a template's layers, in order."""
    layer_archives: tuple[str, ...] = ()
    """Names of the zips of other layers, in order; the members have their ARNs. A layer that is
    deleted goes on serving the versions that have it, as on Lambda."""


@dataclass(frozen=True, slots=True)
class Version:
    """Holds one version of a function, `$LATEST` or a published one."""

    function: FunctionName
    version: str
    members: Mapping[str, Any]
    """What the version's owner has configured, by the names of the service model (Runtime, Role,
    Environment …), as far as that was said; JSON."""
    code: Code
    status: Status
    revision: str
    """The RevisionId, another one after each change."""
    modified: str
    """The time of the last change, as LastModified has it."""

    @property
    def arn(self) -> str:
        return self.function.arn("" if self.version == LATEST else self.version)

    @property
    def document(self) -> Document:
        return {
            "members": self.members,
            "code": asdict(self.code),
            "status": asdict(self.status),
            "revision": self.revision,
            "modified": self.modified,
        }


@dataclass(frozen=True, slots=True)
class Alias:
    """Holds one alias of a function."""

    function: FunctionName
    name: str
    version: str
    """The version that the alias names."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Share of the requests by version, of those that go elsewhere than to `version`."""
    description: str = ""
    revision: str = ""

    @property
    def arn(self) -> str:
        return self.function.arn(self.name)

    @property
    def document(self) -> Document:
        return {
            "version": self.version,
            "weights": self.weights,
            "description": self.description,
            "revision": self.revision,
        }


@dataclass(frozen=True, slots=True)
class Function:
    """Holds what is a function's own, and of none of its versions."""

    name: FunctionName
    next_version: int = 1
    """Number of the next version that is published; never given twice."""
    tags: Mapping[str, str] = field(default_factory=dict)
    from_template: bool = False
    """Whether a template describes the function: without its template the function is not kept."""

    @property
    def document(self) -> Document:
        return {
            "next_version": self.next_version,
            "tags": self.tags,
            "from_template": self.from_template,
        }


class Catalog:
    """Finds functions by every form of their name; all that is asked for is in memory."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        """Where all documents are, those of functions' settings included."""
        self.layers = Layers(resources)

    # what is there

    def functions(self, scope: Scope) -> list[Function]:
        """Returns the functions of an account and region, by name."""
        found = self.resources.all(scope, Kind.FUNCTION)
        return [
            self._function(FunctionName(scope, name), found[name][""]) for name in sorted(found)
        ]

    def all_functions(self) -> list[Function]:
        """Returns the functions of every account and region."""
        scopes = self.resources.scopes(Kind.FUNCTION)
        return [function for scope in scopes for function in self.functions(scope)]

    def function(self, name: FunctionName) -> Function | None:
        """Returns a function; None where there is none of the name."""
        document = self.resources.get(function_key(name))
        return None if document is None else self._function(name, document)

    def versions(self, name: FunctionName) -> list[Version]:
        """Returns a function's versions, `$LATEST` first, then by number."""
        found = self.resources.named(name.scope, Kind.VERSION, name.name)
        order = sorted(found, key=lambda version: 0 if version == LATEST else int(version))
        return [_version(name, version, found[version]) for version in order]

    def version(self, name: FunctionName, version: str = LATEST) -> Version | None:
        """Returns a version by its number or `$LATEST`; None where there is none such."""
        document = self.resources.get(version_key(name, version))
        return None if document is None else _version(name, version, document)

    def aliases(self, name: FunctionName) -> list[Alias]:
        """Returns a function's aliases, by name."""
        found = self.resources.named(name.scope, Kind.ALIAS, name.name)
        return [_alias(name, alias, found[alias]) for alias in sorted(found)]

    def alias(self, name: FunctionName, alias: str) -> Alias | None:
        """Returns an alias; None where there is none of the name."""
        document = self.resources.get(alias_key(name, alias))
        return None if document is None else _alias(name, alias, document)

    def existing(self, name: FunctionName) -> Function:
        """Returns a function.

        Raises:
            ResourceNotFoundError: there is none of the name.
        """
        found = self.function(name)
        if found is None:
            raise not_found(Reference(name))
        return found

    def find(self, reference: Reference) -> Version:
        """Returns the version that a caller's name leads to; an alias leads to its main version.

        Raises:
            ResourceNotFoundError: there is no such function, version or alias.
        """
        qualifier = reference.qualifier or LATEST
        if not is_version(qualifier):
            alias = self.alias(reference.function, qualifier)
            qualifier = "" if alias is None else alias.version
        found = self.version(reference.function, qualifier)
        if found is None:
            raise not_found(reference)
        return found

    # changes

    async def save(self, *changed: Function | Version | Alias) -> None:
        """Puts functions, versions and aliases in the place of earlier ones; all or none."""
        await self.resources.change({_key(one): one.document for one in changed})

    async def delete(self, function: FunctionName) -> None:
        """Takes a function away with all versions, aliases and settings."""
        scope, name = function.scope, function.name
        await self.resources.change(
            {
                Key(scope, kind, name, qualifier): None
                for kind in OF_FUNCTIONS
                for qualifier in self.resources.named(scope, kind, name)
            }
        )

    async def delete_qualifier(self, function: FunctionName, qualifier: str) -> None:
        """Takes a published version or an alias away, with what is set for its name."""
        keys = (Key(function.scope, kind, function.name, qualifier) for kind in OF_FUNCTIONS)
        await self.resources.change(
            {key: None for key in keys if self.resources.get(key) is not None}
        )

    # zips

    def code_size(self, scope: Scope) -> int:
        """Returns the bytes of all versions and layers of an account in a region, as zips.

        The documents are read as they are, since each new function asks.
        """
        found = self.resources.all(scope, Kind.VERSION).values()
        versions: int = sum(one["code"]["size"] for versions in found for one in versions.values())
        return versions + sum(self.layers.sizes(scope))

    def archives(self) -> set[str]:
        """Returns the names of all zips that a version or a layer needs."""
        needed = set()
        for scope in self.resources.scopes(Kind.VERSION):
            for versions in self.resources.all(scope, Kind.VERSION).values():
                for document in versions.values():
                    needed |= {document["code"]["archive"], *document["code"]["layer_archives"]}
        return needed | self.layers.archives()

    def _function(self, name: FunctionName, document: Document) -> Function:
        return Function(name, document["next_version"], document["tags"], document["from_template"])


def function_key(name: FunctionName) -> Key:
    return Key(name.scope, Kind.FUNCTION, name.name)


def version_key(name: FunctionName, version: str) -> Key:
    return Key(name.scope, Kind.VERSION, name.name, version)


def concurrency_key(name: FunctionName) -> Key:
    return Key(name.scope, Kind.CONCURRENCY, name.name)


def url_key(name: FunctionName, alias: str = "") -> Key:
    return Key(name.scope, Kind.URL, name.name, alias)


def alias_key(name: FunctionName, alias: str) -> Key:
    return Key(name.scope, Kind.ALIAS, name.name, alias)


def revised(version: Version, modified: str, **changes: Any) -> Version:
    """Returns a version with changes, a new RevisionId and a new time of its last change."""
    return replace(version, revision=new_revision(), modified=modified, **changes)


def written_time(epoch: float) -> str:
    """Returns a time as LastModified and CreatedDate have it, in UTC."""
    at = datetime.fromtimestamp(epoch, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def new_revision() -> str:
    return str(uuid.uuid4())


def not_found(reference: Reference) -> ResourceNotFoundError:
    return ResourceNotFoundError(f"Function not found: {reference.arn}")


def _key(one: Function | Version | Alias) -> Key:
    match one:
        case Function():
            return function_key(one.name)
        case Version():
            return version_key(one.function, one.version)
        case Alias():
            return alias_key(one.function, one.name)


def _version(name: FunctionName, version: str, document: Document) -> Version:
    code, status = document["code"], document["status"]
    return Version(
        name,
        version,
        document["members"],
        Code(
            **code
            | {"layers": tuple(code["layers"]), "layer_archives": tuple(code["layer_archives"])}
        ),
        Status(
            **status | {"state": State(status["state"]), "update": UpdateStatus(status["update"])}
        ),
        document["revision"],
        document["modified"],
    )


def _alias(name: FunctionName, alias: str, document: Document) -> Alias:
    return Alias(
        name,
        alias,
        document["version"],
        document["weights"],
        document["description"],
        document["revision"],
    )
