"""Reads what a function has beside its configuration: role, policies, alias, queues for failures.

Source: the AWS SAM specification 2016-10-31, AWS::Serverless::Function. Lambda takes these in calls
of their own, or IAM does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.sam.globals import merged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.sam.globals import FunctionProperties
    from emulator.sam.nodes import NodeReader

EXTRAS = (
    *("Role", "Policies", "Description", "Tags", "EventInvokeConfig", "DeadLetterQueue"),
    *("AutoPublishAlias", "VersionDescription"),
)
"""Properties that are read here; Globals may state all of them but Role and Policies."""
_WITHOUT_EFFECT = {
    "Tracing": "no traces are sent to X-Ray",
    "VpcConfig": "functions have the network of this machine",
    "FileSystemConfigs": "no file system is mounted",
    "DeploymentPreference": "all requests go to a new version at once",
    "KmsKeyArn": "nothing is encrypted",
    "SourceKMSKeyArn": "nothing is encrypted",
    "CodeSigningConfigArn": "the signature of code is not checked at deployment",
    "RuntimeManagementConfig": "there is one version of each runtime",
    "RecursiveLoop": "the setting is taken by Lambda's API, not from a template",
    "PropagateTags": "tags stay with the function",
    "PermissionsBoundary": "the role is bounded by its policies alone",
    "RolePath": "the role has the path /",
    "AssumeRolePolicyDocument": "Lambda alone may take the role",
    "AutoPublishAliasAllProperties": "a version is published when anything changes",
    "AutoPublishCodeSha256": "a version is published when anything changes",
}
"""Properties that a template may have and that change nothing here, with what is so instead."""
TOLD = tuple(_WITHOUT_EFFECT)


@dataclass(frozen=True, slots=True)
class PolicyTemplate:
    """Holds one of SAM's policy templates, such as `SQSPollerPolicy`, with its parameters."""

    name: str
    parameters: Mapping[str, Any]


Policy = str | PolicyTemplate | dict[str, Any]
"""A policy's name or ARN, a template of SAM's, or a document."""


@dataclass(frozen=True, slots=True)
class Extras:
    """Holds what is set beside one function's configuration."""

    alias: str = ""
    """Alias that points to the version published last (AutoPublishAlias); empty: none."""
    version_description: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    """ARN of the function's role; empty: a role that SAM makes of the policies."""
    policies: tuple[Policy, ...] = ()
    event_invoke: Mapping[str, Any] = field(default_factory=dict)
    """Members of PutFunctionEventInvokeConfig without the function."""
    dead_letter_target: str = ""
    """ARN of the queue or topic for asynchronous events that failed."""
    layers: tuple[str, ...] = ()
    """ARNs of the function's layers, those of Globals first."""
    invoked_as: str = ""
    """The function's name, or its name and alias, as its events invoke the function."""


class ExtrasReader:
    """Reads extras; what a method returns is of no use where it noted a fault."""

    def __init__(self, nodes: NodeReader) -> None:
        self._nodes = nodes

    def read(self, function: FunctionProperties, layers: tuple[str, ...], name: str) -> Extras:
        alias = self._text(function, "AutoPublishAlias")
        return Extras(
            alias=alias,
            version_description=self._text(function, "VersionDescription"),
            description=self._text(function, "Description"),
            tags=self._tags(function),
            role=self._text(function, "Role"),
            policies=tuple(self._policies(function)),
            event_invoke=self._event_invoke(function),
            dead_letter_target=self._dead_letter_target(function),
            layers=layers,
            invoked_as=f"{name}:{alias}" if alias else name,
        )

    def told(self, function: FunctionProperties) -> Iterator[tuple[int, str]]:
        """Yields the lines of properties that have no effect, with a sentence for each."""
        for name, instead in _WITHOUT_EFFECT.items():
            entry = function.one(name)
            if entry is not None:
                yield entry.line, f"{function.where(entry)} has no effect: {instead}."

    def _text(self, function: FunctionProperties, name: str) -> str:
        entry = function.one(name)
        if entry is None:
            return ""
        return self._nodes.string(entry.node, function.where(entry)) or ""

    def _tags(self, function: FunctionProperties) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry in function.all("Tags"):
            what = function.where(entry)
            for key, tag in self._nodes.entries(entry.node, what).items():
                found[key] = self._nodes.string(tag.node, f"{what}: {key}") or ""
        return found

    def _policies(self, function: FunctionProperties) -> Iterator[Policy]:
        entry = function.one("Policies")
        if entry is None:
            return
        stated = self._nodes.plain(entry.node, function.where(entry))
        for policy in stated if isinstance(stated, list) else [stated]:
            if isinstance(policy, str) or (isinstance(policy, dict) and "Statement" in policy):
                yield policy
            elif isinstance(policy, dict) and len(policy) == 1:
                ((name, parameters),) = policy.items()
                yield PolicyTemplate(name, parameters if isinstance(parameters, dict) else {})
            else:
                message = f"{function.where(entry)} are names, documents and SAM's templates"
                self._nodes.faults.add(entry.line, message)

    def _event_invoke(self, function: FunctionProperties) -> dict[str, Any]:
        known = ("MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig")
        parts = merged(function.option("EventInvokeConfig"), self._nodes, known)
        found = {
            name: self._nodes.plain(option.last.node, option.last.key)
            for name, option in parts.items()
        }
        for end in (found.get("DestinationConfig") or {}).values():
            if isinstance(end, dict):
                end.pop("Type", None)  # SAM's word for whom to make where no ARN is named
        return found

    def _dead_letter_target(self, function: FunctionProperties) -> str:
        parts = merged(function.option("DeadLetterQueue"), self._nodes, ("Type", "TargetArn"))
        target = parts.get("TargetArn")
        return (self._nodes.text(target.last.node, target.last.key) or "") if target else ""
