"""SnapStart through boto3: what is refused with it, and when a version can be invoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from emulator.api.asgi import raise_failed_restore
from emulator.core.model import Failure
from emulator.errors import ServiceError
from emulator.live.invocation import Outcome, RestoreFailure
from tests.api.control.conftest import create, made
from tests.api.control.holding import held_back
from tests.api.control.made import invoked, refused

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

SNAP_START: dict[str, Any] = {"SnapStart": {"ApplyOn": "PublishedVersions"}}
WITH_SNAP_START = "is not supported for SnapStart enabled functions."
REFUSED = "InvalidParameterValueException"


def published(client: Any, **asked: Any) -> str:
    made(client, "shop", **SNAP_START, **asked)
    version: str = client.publish_version(FunctionName="shop")["Version"]
    client.get_waiter("function_active_v2").wait(
        FunctionName="shop", Qualifier=version, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    return version


def test_snapshot_and_provisioned_concurrency_do_not_go_together(client: Any) -> None:
    version = published(client)
    client.create_alias(FunctionName="shop", Name="live", FunctionVersion=version)
    for qualifier in (version, "live"):
        with refused(
            REFUSED, "Provisioned Concurrency is not supported for SnapStart enabled functions."
        ):
            client.put_provisioned_concurrency_config(
                FunctionName="shop", Qualifier=qualifier, ProvisionedConcurrentExecutions=1
            )


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"Runtime": "python3.11"}, f"python3.11 {WITH_SNAP_START}"),
        ({"Runtime": "nodejs22.x"}, f"nodejs22.x {WITH_SNAP_START}"),
        (
            {"EphemeralStorage": {"Size": 513}},
            f"Ephemeral storage of more than 512 MB {WITH_SNAP_START}",
        ),
        (
            {
                "FileSystemConfigs": [
                    {
                        "Arn": "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/"
                        "fsap-0123456789abcdef0",
                        "LocalMountPath": "/mnt/data",
                    }
                ]
            },
            f"Amazon Elastic File System {WITH_SNAP_START}",
        ),
    ],
)
def test_what_goes_with_no_snapshot_is_refused_at_configuration(
    client: Any, asked: dict[str, Any], sentence: str
) -> None:
    with refused(REFUSED, sentence):
        create(client, "shop", **SNAP_START, **asked)
    made(client, "shop", **asked)
    with refused(REFUSED, sentence):
        client.update_function_configuration(FunctionName="shop", **SNAP_START)


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_snapshots_are_taken_on_both_architectures(client: Any, architecture: str) -> None:
    version = published(client, Runtime="python3.12", Architectures=[architecture])
    taken = client.get_function_configuration(FunctionName="shop", Qualifier=version)
    assert taken["Architectures"] == [architecture]
    assert taken["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}


def test_version_is_not_invoked_before_its_snapshot_is_taken(api: ServedApi, client: Any) -> None:
    made(client, "shop", **SNAP_START)
    with held_back(api):
        version = client.publish_version(FunctionName="shop")["Version"]
        with refused(
            "SnapStartNotReadyException",
            "Lambda is initializing your function. It will be ready to invoke once your function "
            "state becomes ACTIVE.",
            409,
        ):
            invoked(client, "shop", Qualifier=version)


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (RestoreFailure.ERROR, "SnapStartException"),
        (RestoreFailure.TIMEOUT, "SnapStartTimeoutException"),
    ],
)
def test_restore_that_failed_is_told_by_the_error_of_the_service_model(
    failure: RestoreFailure, name: str
) -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    with pytest.raises(ServiceError) as told:
        raise_failed_restore(Outcome("id", function_error="Unhandled", restore_failure=failure))
    known = model.shape_for(name).metadata["error"]["httpStatusCode"]
    assert (told.value.code, told.value.status) == (name, known)


def test_other_failures_are_the_functions_own() -> None:
    raise_failed_restore(Outcome("id", function_error="Unhandled", failure=Failure.EXITED))
