"""Reads an API's routes out of an OpenAPI document with API Gateway's extensions.

SAM and CloudFormation hand an API to API Gateway in this form. Source: API Gateway developer guide,
"OpenAPI extensions for API Gateway" (integration, any-method, cors, binary media types).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.core.apis import RestCors
from emulator.core.function_url import Cors
from emulator.core.routes import ANY, DEFAULT, METHODS, PayloadFormat, Route, RouteAuth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ANY_METHOD = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_FUNCTION = re.compile(r"functions/(arn:[^/]+)/invocations")
_ALLOW = "method.response.header.Access-Control-Allow-"


def function_of(uri: str) -> str:
    """Returns the ARN of the function that an integration's URI invokes; empty for none."""
    found = _FUNCTION.search(uri)
    if found:
        return found[1]
    return uri if uri.startswith("arn:") and ":function:" in uri else ""


def routes_of(document: Mapping[str, Any]) -> Iterator[Route]:
    """Yields the routes whose integration is a function; others, such as mocks, are passed over."""
    for path, methods in document.get("paths", {}).items():
        for name, stated in methods.items():
            method = ANY if name == _ANY_METHOD else str(name).upper()
            integration = stated.get(_INTEGRATION, {}) if isinstance(stated, dict) else {}
            function = function_of(str(integration.get("uri", "")))
            if method in METHODS and function:
                known = path.removeprefix("/") == DEFAULT
                yield Route(
                    ANY if known else method,
                    DEFAULT if known else path,
                    function,
                    _auth(stated, document),
                    _payload_format(integration),
                )


def http_cors_of(document: Mapping[str, Any]) -> Cors | None:
    """Returns what an HTTP API's document says of CORS."""
    stated = document.get("x-amazon-apigateway-cors")
    if not isinstance(stated, dict):
        return None
    return Cors(
        allow_credentials=bool(stated.get("allowCredentials")),
        allow_headers=tuple(stated.get("allowHeaders", ())),
        allow_methods=tuple(stated.get("allowMethods", ())),
        allow_origins=tuple(stated.get("allowOrigins", ())),
        expose_headers=tuple(stated.get("exposeHeaders", ())),
        max_age=int(stated.get("maxAge", 0)),
    )


def rest_cors_of(document: Mapping[str, Any]) -> RestCors | None:
    """Returns the headers with which a REST API's mocks answer OPTIONS, as SAM writes them.

    Those of the first path stand for all; methods are each path's own.
    """
    for methods in document.get("paths", {}).values():
        responses = methods.get("options", {}).get(_INTEGRATION, {}).get("responses", {})
        for response in responses.values():
            stated = response.get("responseParameters", {})
            texts = {
                str(name).removeprefix(_ALLOW): str(value).strip("'")
                for name, value in stated.items()
            }
            if "Origin" in texts:
                return RestCors(
                    texts["Origin"],
                    allow_headers=texts.get("Headers", ""),
                    allow_credentials=texts.get("Credentials") == "true",
                )
    return None


def _auth(stated: Mapping[str, Any], document: Mapping[str, Any]) -> RouteAuth:
    security = stated.get("security", document.get("security", ()))
    signed = any("AWS_IAM" in one or "sigv4" in one for one in security)
    return RouteAuth.AWS_IAM if signed else RouteAuth.NONE


def _payload_format(integration: Mapping[str, Any]) -> PayloadFormat:
    stated = str(integration.get("payloadFormatVersion", PayloadFormat.V2))
    return PayloadFormat.V1 if stated == PayloadFormat.V1 else PayloadFormat.V2
