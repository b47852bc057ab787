"""Makes functions and layers, or brings those that are there to what a template says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import PackageType
from emulator.deploy import members
from emulator.deploy.code import digest, zipped
from emulator.errors import EndpointError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.deploy.services import Services
    from emulator.sam.extras import Extras

_CONFLICT = ("ResourceConflictException",)
_MISSING = ("ResourceNotFoundException",)
_LONGEST_WAIT = 900.0
"""Seconds for a function to become active: its image may have to be built."""
_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True, slots=True)
class Deployed:
    """Holds what became of one function."""

    outcome: str
    """`created`, `updated`, or `unchanged` where only settings were stated again."""
    url: str = ""
    """The function's URL; empty where it has none."""


class FunctionMaker:
    """Makes one function a call; `progress` gets a line for what takes time."""

    def __init__(self, services: Services, progress: Callable[[str], None]) -> None:
        self._services = services
        self._progress = progress

    def layer(self, arn: str, folder: str) -> tuple[str, str]:
        """Publishes a layer's content unless its newest version has that.

        Returns:
            The ARN of the version, and what became of it.
        """
        name = arn.split(":")[6]
        package = zipped(folder)
        listed = self._services.call("lambda", "list_layer_versions", LayerName=name)
        for version in listed["LayerVersions"][:1]:
            there = self._services.call(
                "lambda",
                "get_layer_version",
                LayerName=name,
                VersionNumber=version["Version"],
            )
            if there["Content"]["CodeSha256"] == digest(package):
                return str(there["LayerVersionArn"]), "unchanged"
        made = self._services.call(
            "lambda", "publish_layer_version", LayerName=name, Content={"ZipFile": package}
        )
        return str(made["LayerVersionArn"]), "published"

    def function(
        self, function: FunctionConfiguration, extras: Extras, layers: list[str], role: str
    ) -> Deployed:
        """Makes or updates a function with all that is set beside it.

        Raises:
            EndpointError: the emulator refused, or the function did not become active.
            TemplateError: the function is an image that has to be built first.
        """
        there = self._services.attempt(
            "lambda", "get_function", _MISSING, FunctionName=function.name
        )
        stated = members.configuration(function, extras, layers, role)
        outcome = self._configured(function, extras, stated, there)
        self._concurrency(function, there)
        published = self._publish(function, extras)
        self._event_invoke(function, extras, published)
        return Deployed(outcome, self._url(function, published))

    # code and configuration

    def _configured(
        self,
        function: FunctionConfiguration,
        extras: Extras,
        stated: Mapping[str, Any],
        there: Mapping[str, Any] | None,
    ) -> str:
        code, sha256 = self._code(function)
        if there is None:
            created = members.creation(function, extras, code)
            self._services.call("lambda", "create_function", **stated, **created)
            self._wait(function.name)
            return "created"
        changed = sha256 is None or there["Configuration"]["CodeSha256"] != sha256
        if changed:
            self._services.call(
                "lambda",
                "update_function_code",
                FunctionName=function.name,
                Architectures=[function.architecture.value],
                **code,
            )
            self._wait(function.name)
        if changed or _differs(there["Configuration"], stated):
            self._services.call("lambda", "update_function_configuration", **stated)
            self._wait(function.name)
            return "updated"
        return "unchanged"

    def _code(self, function: FunctionConfiguration) -> tuple[dict[str, Any], str | None]:
        """Returns the code's members, and its digest where that is known."""
        if function.package_type is PackageType.IMAGE:
            if not function.image_uri:
                raise TemplateError(
                    f"{function.name} is built from a Dockerfile: run `sam build`, or `docker "
                    "build` and name the image in ImageUri"
                )
            return {"ImageUri": function.image_uri}, None
        package = zipped(function.code)
        return {"ZipFile": package}, digest(package)

    def _wait(self, name: str) -> None:
        until = time.monotonic() + _LONGEST_WAIT
        told = ""
        while time.monotonic() < until:
            there = self._services.call("lambda", "get_function_configuration", FunctionName=name)
            if "Failed" in (there.get("State"), there.get("LastUpdateStatus")):
                reason = there.get("StateReason") or there.get("LastUpdateStatusReason") or ""
                raise EndpointError(f"{name} could not be deployed: {reason}")
            if there.get("State", "Active") != "Pending" and (
                there.get("LastUpdateStatus", "Successful") != "InProgress"
            ):
                return
            reason = there.get("StateReason") or "waiting"
            if reason != told:
                self._progress(f"{name}: {reason}")
                told = reason
            time.sleep(_BETWEEN_LOOKS)
        raise EndpointError(
            f"{name} is not active after {_LONGEST_WAIT:.0f} s; `testbed up` prints what is awaited"
        )

    # what is set beside it

    def _concurrency(
        self, function: FunctionConfiguration, there: Mapping[str, Any] | None
    ) -> None:
        if function.reserved_concurrency is None:
            if there is not None and there.get("Concurrency"):
                self._services.call(
                    "lambda", "delete_function_concurrency", FunctionName=function.name
                )
            return
        self._services.call(
            "lambda",
            "put_function_concurrency",
            FunctionName=function.name,
            ReservedConcurrentExecutions=function.reserved_concurrency,
        )

    def _publish(self, function: FunctionConfiguration, extras: Extras) -> str:
        """Publishes a version for AutoPublishAlias; returns the alias, empty where none is."""
        if not extras.alias:
            return ""
        version = self._services.call(
            "lambda",
            "publish_version",
            FunctionName=function.name,
            Description=extras.version_description,
        )["Version"]
        pointed = {
            "FunctionName": function.name,
            "Name": extras.alias,
            "FunctionVersion": version,
        }
        if self._services.attempt("lambda", "update_alias", _MISSING, **pointed) is None:
            self._services.call("lambda", "create_alias", **pointed)
        if function.provisioned_concurrency:
            self._services.call(
                "lambda",
                "put_provisioned_concurrency_config",
                FunctionName=function.name,
                Qualifier=extras.alias,
                ProvisionedConcurrentExecutions=function.provisioned_concurrency,
            )
        return extras.alias

    def _event_invoke(
        self, function: FunctionConfiguration, extras: Extras, qualifier: str
    ) -> None:
        if extras.event_invoke:
            self._services.call(
                "lambda",
                "put_function_event_invoke_config",
                FunctionName=function.name,
                **_qualified(qualifier),
                **extras.event_invoke,
            )

    def _url(self, function: FunctionConfiguration, qualifier: str) -> str:
        if function.function_url is None:
            return ""
        stated = members.url(function.function_url)
        named = {"FunctionName": function.name, **_qualified(qualifier)}
        found = self._services.attempt(
            "lambda", "create_function_url_config", _CONFLICT, **named, **stated
        )
        if found is None:
            found = self._services.call("lambda", "update_function_url_config", **named, **stated)
        if stated["AuthType"] == "NONE":
            self._open(function.name, qualifier)
        return str(found["FunctionUrl"])

    def _open(self, name: str, qualifier: str) -> None:
        """Lets everyone call a URL, as SAM does where its AuthType is NONE."""
        self._services.attempt(
            "lambda",
            "add_permission",
            _CONFLICT,
            FunctionName=name,
            StatementId="FunctionURLAllowPublicAccess",
            Action="lambda:InvokeFunctionUrl",
            Principal="*",
            FunctionUrlAuthType="NONE",
            **_qualified(qualifier),
        )


def _qualified(qualifier: str) -> dict[str, str]:
    return {"Qualifier": qualifier} if qualifier else {}


def _differs(there: Mapping[str, Any], stated: Mapping[str, Any]) -> bool:
    """Returns whether a configuration is another than what is stated.

    Members that the emulator leaves out where they are empty count as empty.
    """
    found = dict(there)
    found["Layers"] = [layer["Arn"] for layer in there.get("Layers", [])]
    found.setdefault("Environment", {"Variables": {}})
    found.setdefault("Description", "")
    found.setdefault("EphemeralStorage", {"Size": 512})
    found.setdefault("ImageConfig", there.get("ImageConfigResponse", {}).get("ImageConfig"))
    return any(found.get(name) != value for name, value in stated.items())
