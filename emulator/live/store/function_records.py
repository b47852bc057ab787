"""Defines what is known of functions, versions and aliases, and the documents that hold it.

Owns how a document looks and under which key it is kept; who is found by a name is `catalog`'s.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from emulator.core.version_key import LATEST
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_names import FunctionName
    from emulator.live.store.resources import Document


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

    @property
    def archives(self) -> tuple[str, ...]:
        """Returns the names of all zips that the code is in."""
        own = (self.archive,) if self.archive else ()
        return own + self.layer_archives


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


def function_key(name: FunctionName) -> Key:
    """Returns the key of a function's own document."""
    return Key(name.scope, Kind.FUNCTION, name.name)


def version_key(name: FunctionName, version: str) -> Key:
    """Returns the key of a version's document."""
    return Key(name.scope, Kind.VERSION, name.name, version)


def concurrency_key(name: FunctionName) -> Key:
    """Returns the key of the document of a function's reserved concurrency."""
    return Key(name.scope, Kind.CONCURRENCY, name.name)


def url_key(name: FunctionName, alias: str = "") -> Key:
    """Returns the key of the document of a function URL, of the function itself or of an alias."""
    return Key(name.scope, Kind.URL, name.name, alias)


def alias_key(name: FunctionName, alias: str) -> Key:
    """Returns the key of an alias's document."""
    return Key(name.scope, Kind.ALIAS, name.name, alias)


def revised(version: Version, modified: str, **changes: Any) -> Version:
    """Returns a version with changes, a new RevisionId and a new time of its last change."""
    return replace(version, revision=new_revision(), modified=modified, **changes)


def written_time(epoch: float) -> str:
    """Returns a time as LastModified and CreatedDate have it, in UTC."""
    at = datetime.fromtimestamp(epoch, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def new_revision() -> str:
    """Returns a RevisionId that no version and no alias has had."""
    return str(uuid.uuid4())


def key_of(one: Function | Version | Alias) -> Key:
    """Returns the key of a record's document."""
    match one:
        case Function():
            return function_key(one.name)
        case Version():
            return version_key(one.function, one.version)
        case Alias():
            return alias_key(one.function, one.name)


def function_of(name: FunctionName, document: Document) -> Function:
    """Reads a function out of its document."""
    return Function(name, document["next_version"], document["tags"], document["from_template"])


def version_of(name: FunctionName, version: str, document: Document) -> Version:
    """Reads a version out of its document."""
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


def alias_of(name: FunctionName, alias: str, document: Document) -> Alias:
    """Reads an alias out of its document."""
    return Alias(
        name,
        alias,
        document["version"],
        document["weights"],
        document["description"],
        document["revision"],
    )
