"""Defines a function's configuration.

Knows no template and no API: both end in a configuration. What Lambda refuses of one is
`function_faults`' matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.core.billing import Size
from emulator.core.function_names import PARTITION, FunctionName, Scope
from emulator.core.log_configuration import LogConfiguration
from emulator.core.model import LATEST, FunctionVersion, VersionKey
from emulator.core.prices import Architecture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_url import FunctionUrl


class PackageType(StrEnum):
    """Names the forms in which a function's code is deployed."""

    ZIP = "Zip"
    IMAGE = "Image"


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Holds the place from which an image is built, as SAM's Metadata names that place."""

    dockerfile: str
    """Absolute path."""
    context: str
    """Absolute path."""


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """Holds the configuration of one version of a function; paths are absolute."""

    name: str
    runtime: str = ""
    """Empty for an image."""
    handler: str = ""
    """Empty for an image."""
    package_type: PackageType = PackageType.ZIP
    memory_mb: int = 128
    timeout: int = 3
    environment: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """Folder of a zip function's code."""
    layers: tuple[str, ...] = ()
    """Folders whose content goes to /opt, in order."""
    image: ImageSource | None = None
    image_uri: str = ""
    """Name of an image that exists or can be pulled; instead of `image`."""
    image_command: tuple[str, ...] = ()
    """Overrides the image's CMD (SAM's ImageConfig.Command); empty: the image's own."""
    image_entry_point: tuple[str, ...] = ()
    """Overrides the image's ENTRYPOINT; empty: the image's own."""
    image_working_directory: str = ""
    """Overrides the image's WORKDIR; empty: the image's own."""
    version: str = LATEST
    reserved_concurrency: int | None = None
    provisioned_concurrency: int | None = None
    """Sandboxes of this version that are kept initialized."""
    architecture: Architecture = Architecture.X86_64
    """Architecture that is billed; the function runs on the host's."""
    ephemeral_storage_mb: int = 512
    """Size of /tmp."""
    logging: LogConfiguration = field(default_factory=LogConfiguration)
    function_url: FunctionUrl | None = None
    tenant_isolation: bool = False
    """Whether a sandbox serves one tenant alone (TenantIsolationMode PER_TENANT)."""
    snap_start: bool = False
    """Whether snapshots are taken of published versions (SnapStart's ApplyOn)."""
    scope: Scope = field(default_factory=Scope)
    """Account and region of the function."""
    role: str = ""
    """ARN of the role whose rights the code has; empty: the own one, see `execution_role`."""
    prefix: str = ""
    """What `function_names.prefix` says: it keeps functions of other accounts and regions apart."""

    @property
    def scheduled_name(self) -> str:
        """Returns the function's name for the scheduler and in a journal."""
        return f"{self.prefix}{self.name}"

    @property
    def arn(self) -> str:
        """Returns the ARN, qualified unless the version is $LATEST."""
        qualifier = "" if self.version == LATEST else self.version
        return FunctionName(self.scope, self.name).arn(qualifier)

    @property
    def takes_snapshot(self) -> bool:
        """Returns whether a snapshot is taken of this version's init; never of $LATEST."""
        return self.snap_start and self.version != LATEST

    @property
    def execution_role(self) -> str:
        """Returns the ARN of the role, which is the account's `testbed` where none is named."""
        return self.role or f"arn:{PARTITION}:iam::{self.scope.account}:role/testbed"

    @property
    def log_group(self) -> str:
        """Returns the name of the log group: the configured one, or the function's own."""
        return self.logging.group or f"/aws/lambda/{self.name}"

    @property
    def size(self) -> Size:
        """Returns the part of the configuration that decides the price."""
        return Size(self.memory_mb, self.architecture, self.ephemeral_storage_mb)

    @property
    def key(self) -> VersionKey:
        """Returns the name by which requests ask for this version."""
        return VersionKey.of(self.scheduled_name, self.version)

    def scheduled(
        self,
        revision: int,
        package_mb: float = 0.0,
        *,
        snapshot: bool = False,
        stem: str = "",
        snapshot_mb: int = 0,
    ) -> FunctionVersion:
        """Returns the facts that the scheduler needs; `revision` counts the deployments.

        `package_mb` is the size of the code as a zip, `snapshot` whether one was taken, and
        `snapshot_mb` the memory that this one has; `stem` the runtime whose stem cells may serve.
        """
        return FunctionVersion(
            self.scheduled_name,
            self.memory_mb,
            float(self.timeout),
            self.version,
            revision,
            package_mb,
            self.tenant_isolation,
            snapshot,
            stem,
            snapshot_mb,
        )
