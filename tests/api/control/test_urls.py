"""Function URLs: configured through boto3, asked over HTTP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.control.conftest import made as create
from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.control.made import Made

NO_URL = "The resource you requested does not exist."


def url(made: Made, **more: Any) -> str:
    created: str = made.client.create_function_url_config(
        FunctionName=made.name, **({"AuthType": "NONE"} | more)
    )["FunctionUrl"]
    return created


def ask(made: Made, url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Asks without a resolver of names, as a browser would that knows *.localhost."""
    host = urlsplit(url).netloc
    return httpx.request(method, made.api.url, headers={"Host": host, **headers})


def test_url_serves_its_function(made: Made) -> None:
    created = url(made)
    assert re.fullmatch(r"http://[a-z0-9]{32}\.lambda-url\.localhost:\d+/", created)
    answer = ask(made, created)
    assert answer.status_code == 200
    event = answer.json()
    assert event["version"] == "2.0"
    assert event["requestContext"]["domainName"] == urlsplit(created).hostname


def test_url_is_shown_changed_listed_and_taken_away(made: Made) -> None:
    cors = {"AllowOrigins": ["https://a.example"], "MaxAge": 60}
    created = made.client.create_function_url_config(
        FunctionName=made.name, AuthType="AWS_IAM", Cors=cors
    )
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert "LastModifiedTime" not in created
    shown = made.client.get_function_url_config(FunctionName=made.name)
    del created["ResponseMetadata"], shown["ResponseMetadata"]
    assert shown == {
        **created,
        "FunctionArn": made.arn,
        "AuthType": "AWS_IAM",
        "Cors": cors,
        "InvokeMode": "BUFFERED",
        "LastModifiedTime": created["CreationTime"],
    }
    changed = made.client.update_function_url_config(
        FunctionName=made.name, AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )
    assert (changed["FunctionUrl"], changed["Cors"]) == (created["FunctionUrl"], cors)
    assert (changed["AuthType"], changed["InvokeMode"]) == ("NONE", "RESPONSE_STREAM")
    listed = made.client.list_function_url_configs(FunctionName=made.name)["FunctionUrlConfigs"]
    assert [each["FunctionUrl"] for each in listed] == [created["FunctionUrl"]]
    made.client.delete_function_url_config(FunctionName=made.name)
    with refused("ResourceNotFoundException", NO_URL, 404):
        made.client.get_function_url_config(FunctionName=made.name)
    assert ask(made, created["FunctionUrl"]).status_code == 403


def test_url_that_is_made_again_is_another_one(made: Made) -> None:
    first = url(made)
    made.client.delete_function_url_config(FunctionName=made.name)
    assert url(made) != first


def test_change_of_the_auth_type_is_heeded_at_once(made: Made) -> None:
    created = url(made)
    assert ask(made, created).status_code == 200
    made.client.update_function_url_config(FunctionName=made.name, AuthType="AWS_IAM")
    assert ask(made, created).status_code == 403


def test_preflight_request_is_answered_from_the_configuration(made: Made) -> None:
    created = url(made, Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["PUT"]})
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    answer = ask(made, created, "OPTIONS", **asked)
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-allow-methods"] == "PUT"
    assert "access-control-allow-origin" not in ask(made, created, Origin="https://b").headers


def test_alias_has_a_url_of_its_own_that_follows_the_alias(made: Made) -> None:
    first, second = made.publish(), made.publish()
    made.alias("live", first)
    latest, live = url(made), url(made, Qualifier="live")
    assert latest != live
    asked = {"FunctionName": made.name, "Qualifier": "live"}
    assert made.client.get_function_url_config(**asked)["FunctionArn"] == f"{made.arn}:live"
    start = "x-testbed-start"
    assert [ask(made, live).headers[start] for _ in range(2)] == ["cold", "warm"]
    made.client.update_alias(FunctionName=made.name, Name="live", FunctionVersion=second)
    assert ask(made, live).headers[start] == "cold"


def test_url_that_is_made_later_is_served_beside_the_others(made: Made) -> None:
    made.alias("live", made.publish())
    first = url(made)
    assert ask(made, first).status_code == 200
    second = url(made, Qualifier="live")
    assert [ask(made, each).status_code for each in (first, second)] == [200, 200]


def test_second_url_is_refused(made: Made) -> None:
    url(made)
    sentence = (
        f"Failed to create function url config for [functionArn = {made.arn}]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function"
    )
    with refused("ResourceConflictException", sentence, 409):
        url(made)


@pytest.mark.parametrize("operation", ["create", "get", "update", "delete"])
def test_url_of_no_function_is_not_found(made: Made, operation: str) -> None:
    more = {"AuthType": "NONE"} if operation == "create" else {}
    with refused("ResourceNotFoundException", "Function does not exist", 404):
        getattr(made.client, f"{operation}_function_url_config")(
            FunctionName=f"{made.name}-none", **more
        )


def test_function_that_is_isolated_by_tenant_has_no_url(made: Made) -> None:
    name = f"{made.name}-isolated"
    create(made.client, name, TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    with refused("InvalidParameterValueException"):
        made.client.create_function_url_config(FunctionName=name, AuthType="NONE")


def test_deleted_function_has_no_url(made: Made) -> None:
    created = url(made)
    made.client.delete_function(FunctionName=made.name)
    assert ask(made, created).status_code == 403
