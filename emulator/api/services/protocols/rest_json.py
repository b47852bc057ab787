"""Reads and writes the protocol rest-json, which Lambda's API speaks. Pure.

Members stand in the path, the query, headers or a JSON body, where the model says. Source: the
Smithy specification, "AWS restJson1 protocol".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.api.services.protocols.errors import error_members, error_status
from emulator.api.services.protocols.json_bodies import decoded, encoded
from emulator.api.services.protocols.responses import header_bytes, response, stated_headers
from emulator.api.services.protocols.texts import read_text, write_text
from emulator.api.services.protocols.trees import JsonLeaves, read, write, write_members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator import errors
    from emulator.api.asgi import HttpResponse
    from emulator.api.services.protocols.responses import Header
    from emulator.api.services.request import ApiRequest
    from emulator.api.services.service_model import OperationModel, ServiceModel, Shape

DATED = re.compile(r"/\d{4}-\d{2}-\d{2}/")
"""The start of each path of Lambda's API: the version in which the operation came."""
_JSON = b"application/json"
_LEAVES = JsonLeaves()


class RestJson:
    """Speaks rest-json for one service, whose paths begin with a date."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def takes(self, request: ApiRequest) -> bool:
        return DATED.match(request.path) is not None and self.operation(request) is not None

    def operation(self, request: ApiRequest) -> OperationModel | None:
        found = self.model.match(request.method, request.path, request.query_string)
        return None if found is None else found.operation

    def arguments(self, request: ApiRequest, operation: OperationModel) -> dict[str, Any]:
        shape = operation.input_shape
        found = self.model.match(request.method, request.path, request.query_string)
        if shape is None or found is None:
            return {}
        arguments = _body_members(shape, request)
        for name, member in shape.members.items():
            value = _outside_body(member, name, request, found.labels)
            if value is not None:
                arguments[name] = value
        return arguments

    def answer(
        self, operation: OperationModel, members: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        status, shape = operation.http.get("responseCode", 200), operation.output_shape
        headers: list[Header] = []
        inside: dict[str, Any] = {}
        for name, value in members.items() if shape is not None else ():
            member = shape.members[name]
            location = member.serialization.get("location")
            if value is None:
                continue
            if location == "statusCode":
                status = value
            elif location == "header":
                headers.append(_header(member, name, value))
            else:
                inside[name] = value
        body = b"" if shape is None else _written_body(shape, inside)
        return response(status, body, _JSON, request_id, headers)

    def refuse(self, error: errors.ServiceError, request_id: str) -> HttpResponse:
        headers = [(b"x-amzn-errortype", error.code.encode()), *stated_headers(error)]
        body = encoded(error_members(self.model, error))
        return response(error_status(self.model, error), body, _JSON, request_id, headers)


# reading


def _body_members(shape: Shape, request: ApiRequest) -> dict[str, Any]:
    payload = shape.serialization.get("payload")
    if payload is None:
        return _members_inside(shape, request.body) if _has_body(shape) else {}
    member = shape.members[payload]
    if member.type_name == "blob":
        return {payload: request.body} if request.body else {}
    return {payload: read(member, decoded(request.body))} if request.body.strip() else {}


def _has_body(shape: Shape) -> bool:
    return any("location" not in member.serialization for member in shape.members.values())


def _members_inside(shape: Shape, body: bytes) -> dict[str, Any]:
    """Returns the members that the body has; one of another place is passed over."""
    stated = decoded(body)
    found = {}
    for name, member in shape.members.items():
        key = member.serialization.get("name", name)
        if "location" not in member.serialization and stated.get(key) is not None:
            found[name] = read(member, stated[key])
    return found


def _outside_body(member: Shape, name: str, request: ApiRequest, labels: dict[str, str]) -> Any:
    key = member.serialization.get("name", name)
    match member.serialization.get("location"):
        case "uri":
            return read_text(member, labels[key])
        case "querystring":
            return _of_query(member, request.query.get(key, []))
        case "header":
            text = request.headers.get(key.lower())
            return None if text is None else read_text(member, text)
    return None


def _of_query(member: Shape, values: list[str]) -> Any:
    if not values:
        return None
    if member.type_name == "list":
        return [read_text(member.member, value) for value in values]
    return read_text(member, values[0])


# writing


def _written_body(shape: Shape, members: Mapping[str, Any]) -> bytes:
    payload = shape.serialization.get("payload")
    if payload is None:
        return encoded(write_members(shape, members, _LEAVES)) if _has_body(shape) else b""
    value = members.get(payload)
    if value is None or isinstance(value, bytes):
        return value or b""
    return encoded(write(shape.members[payload], value, _LEAVES))


def _header(member: Shape, name: str, value: Any) -> Header:
    key = str(member.serialization.get("name", name)).lower()
    return key.encode(), header_bytes(write_text(member, value, "rfc822"))
