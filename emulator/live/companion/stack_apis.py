"""Says how CloudFormation's resources of API Gateway become APIs of the emulator.

An API comes whole, as an OpenAPI document (SAM), or in parts: resources and methods, integrations
and routes (CDK, Serverless). Source: CloudFormation user guide, the references of AWS::ApiGateway
and AWS::ApiGatewayV2.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from emulator.core.api_documents import document_of
from emulator.core.apis import HttpApi, RestApi
from emulator.core.openapi_routes import function_of, http_cors_of, rest_cors_of, routes_of
from emulator.core.routes import DEFAULT
from emulator.live.companion.recipes import Made, Recipe, keep, leave

if TYPE_CHECKING:
    from emulator.core.apis import Api
    from emulator.live.companion.lambda_client import OwnApi

_PATHS: dict[str, str] = {}
"""Paths of the resources of REST APIs, by the id that CloudFormation knows them by."""
_INTEGRATIONS: dict[str, dict[str, Any]] = {}
"""Properties of the integrations of HTTP APIs, by id."""


def _document(properties: dict[str, Any]) -> dict[str, Any]:
    """Returns an API's OpenAPI document, also of JSON in a text."""
    body = properties.get("Body") or {}
    found = json.loads(body) if isinstance(body, str) else body
    return found if isinstance(found, dict) else {}


def _make_rest_api(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    name = uuid.uuid4().hex[:10]
    root = f"{name}-root"
    _PATHS[root] = ""
    facts = {"RestApiId": name, "RootResourceId": root}
    return _change_rest_api(api, Made(name, facts), properties)


def _change_rest_api(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    document = _document(properties)
    binary = properties.get("BinaryMediaTypes") or document.get(
        "x-amazon-apigateway-binary-media-types", ()
    )
    served = RestApi(
        made.id,
        tuple(routes_of(document)),
        binary_media_types=tuple(str(one).replace("~1", "/") for one in binary),
        cors=rest_cors_of(document),
    )
    _put(api, served)
    return made


def _make_http_api(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    name = uuid.uuid4().hex[:10]
    facts = {"ApiId": name, "ApiEndpoint": f"http://{name}.execute-api.localhost"}
    return _change_http_api(api, Made(name, facts), properties)


def _change_http_api(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    document = _document(properties)
    _put(api, HttpApi(made.id, tuple(routes_of(document)), cors=http_cors_of(document)))
    return made


def _put(api: OwnApi, served: Api) -> None:
    """Puts an API with the stage that it has, if it is there already."""
    stated, there = document_of(served), api.get_api(served.id)
    if there is not None:
        kept = ("stage", "variables") if served.routes else ("stage", "variables", "routes")
        stated |= {name: there[name] for name in kept}
    api.put_api(served.id, stated)


def _make_resource(_api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    made = uuid.uuid4().hex[:6]
    _PATHS[made] = f"{_PATHS[str(properties['ParentId'])]}/{properties['PathPart']}"
    return Made(made, {"ResourceId": made})


def _make_method(api: OwnApi, name: str, properties: dict[str, Any]) -> Made:
    route = {
        "method": str(properties["HttpMethod"]).upper(),
        "path": _PATHS[str(properties["ResourceId"])] or "/",
        "function": function_of(str((properties.get("Integration") or {}).get("Uri", ""))),
        "auth": "AWS_IAM" if properties.get("AuthorizationType") == "AWS_IAM" else "NONE",
    }
    return _add_route(api, Made(name), str(properties["RestApiId"]), route)


def _make_integration(_api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    made = uuid.uuid4().hex[:7]
    _INTEGRATIONS[made] = properties
    return Made(made, {"IntegrationId": made})


def _make_route(api: OwnApi, name: str, properties: dict[str, Any]) -> Made:
    key = str(properties["RouteKey"])
    method, _, path = key.partition(" ")
    integration = _INTEGRATIONS[str(properties["Target"]).rpartition("/")[2]]
    route = {
        "method": method if path else "ANY",
        "path": path or DEFAULT,
        "function": function_of(str(integration.get("IntegrationUri", ""))),
        "auth": "AWS_IAM" if properties.get("AuthorizationType") == "AWS_IAM" else "NONE",
        "payload_format": str(integration.get("PayloadFormatVersion", "2.0")),
    }
    return _add_route(api, Made(name, {"RouteId": name}), str(properties["ApiId"]), route)


def _add_route(api: OwnApi, made: Made, owner: str, route: dict[str, str]) -> Made:
    """Adds a route to an API, unless it leads to no function, as a mock does not."""
    made.facts = {"api": owner, "method": route["method"], "path": route["path"]}
    document = api.get_api(owner)
    if document is not None and route["function"]:
        others = [one for one in document["routes"] if not _is_same(one, made)]
        api.put_api(owner, {**document, "routes": [*others, route]})
    return made


def _change_method(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    _remove_route(api, made)
    return _make_method(api, made.id, properties)


def _change_integration(_api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    _INTEGRATIONS[made.id] = properties
    return made


def _change_route(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    _remove_route(api, made)
    return _make_route(api, made.id, properties)


def _remove_route(api: OwnApi, made: Made) -> None:
    document = api.get_api(made.facts["api"])
    if document is not None:
        others = [one for one in document["routes"] if not _is_same(one, made)]
        api.put_api(made.facts["api"], {**document, "routes": others})


def _is_same(route: dict[str, Any], made: Made) -> bool:
    return (route["method"], route["path"]) == (made.facts["method"], made.facts["path"])


def _remove_api(api: OwnApi, made: Made) -> None:
    api.delete_api(made.id)


def _make_stage(api: OwnApi, name: str, properties: dict[str, Any]) -> Made:
    """Serves an API under its stage; an API has one stage here, the last that was made."""
    owner = str(properties.get("RestApiId") or properties.get("ApiId"))
    stage = str(properties.get("StageName") or name)
    variables = properties.get("Variables") or properties.get("StageVariables") or {}
    document = api.get_api(owner)
    if document is not None:
        api.put_api(owner, {**document, "stage": stage, "variables": variables})
    return Made(stage)


def _change_stage(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    return _make_stage(api, made.id, properties)


def _make_deployment(_api: OwnApi, name: str, _properties: dict[str, Any]) -> Made:
    """Makes nothing: an API is served as it is."""
    return Made(name, {"DeploymentId": name})


API_RECIPES = (
    Recipe(
        "AWS::ApiGateway::RestApi",
        _make_rest_api,
        _change_rest_api,
        _remove_api,
        attributes=("RestApiId", "RootResourceId"),
    ),
    Recipe(
        "AWS::ApiGatewayV2::Api",
        _make_http_api,
        _change_http_api,
        _remove_api,
        attributes=("ApiId", "ApiEndpoint"),
    ),
    Recipe("AWS::ApiGateway::Stage", _make_stage, _change_stage, leave),
    Recipe("AWS::ApiGatewayV2::Stage", _make_stage, _change_stage, leave),
    Recipe(
        "AWS::ApiGateway::Deployment",
        _make_deployment,
        keep,
        leave,
        attributes=("DeploymentId",),
    ),
    Recipe("AWS::ApiGateway::Resource", _make_resource, keep, leave, attributes=("ResourceId",)),
    Recipe("AWS::ApiGateway::Method", _make_method, _change_method, _remove_route),
    Recipe(
        "AWS::ApiGatewayV2::Integration",
        _make_integration,
        _change_integration,
        leave,
        attributes=("IntegrationId",),
    ),
    Recipe(
        "AWS::ApiGatewayV2::Route",
        _make_route,
        _change_route,
        _remove_route,
        attributes=("RouteId",),
    ),
    # nothing is logged by an API, so that its role for that is of no use
    Recipe("AWS::ApiGateway::Account", _make_deployment, keep, leave),
)
"""Resources of API Gateway that are made in the emulator."""
