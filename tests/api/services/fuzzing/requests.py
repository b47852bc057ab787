"""Requests for operations of the service model as clients send them, careful or hostile.

Most arguments are such as an operation works with, drawn from few names so that requests meet what
earlier ones made; some break a constraint, some are of another type, and some requests are none.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from zipfile import ZipFile

import cbor2
from hypothesis import strategies as st

from emulator.api.services.limits import Limits
from emulator.api.services.service_model import load
from tests.api.services.model_values import least_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.api.services.service_model import OperationModel, Shape

REGIONS = ("us-east-1", "eu-central-1")
NAMES = ("a", "b", "c")
_LIMITS = Limits()
_DEEPEST = 4


def zipped(source: str = "def echo(event, context): return event\n") -> bytes:
    """Returns the zip of a function's code."""
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("app.py", source)
    return packed.getvalue()


@dataclass(frozen=True, repr=False)
class Request:
    """Holds an HTTP request, and what it was made of where it is one of an operation's."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    region: str = ""
    operation: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{self.operation or '(none)'} {self.method} {self.path[:200]} {self.body[:300]!r}"

    def _repr_pretty_(self, printer: Any, cycle: object) -> None:  # noqa: ARG002  # Hypothesis'
        printer.text(repr(self))


# values


def _arn(resource: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:{resource}"


_names = st.sampled_from(NAMES)
_qualifiers = st.sampled_from(("$LATEST", "1", "2", "live", "blue", "99", "$LATEST.PUBLISHED"))
_plain = st.one_of(_names, _names, st.builds("123456789012:function:{}".format, _names))
_functions = st.one_of(
    _plain,
    _plain,
    _plain,
    st.builds("{}:{}".format, _names, _qualifiers),
    st.builds(lambda name: _arn(f"function:{name}"), _names),
    st.builds(lambda name, of: _arn(f"function:{name}:{of}"), _names, _qualifiers),
    st.builds("arn:aws:lambda:eu-central-1:123456789012:function:{}".format, _names),
    st.builds("arn:aws:lambda:us-east-1:999999999999:function:{}".format, _names),
)
_versions = st.sampled_from(("$LATEST", "1", "2", "3"))
_layers = st.builds(lambda name, number: _arn(f"layer:{name}:{number}"), _names, st.integers(1, 3))
_ZIP = zipped()
_code = st.sampled_from(
    [{"ZipFile": _ZIP}] * 5
    + [{"ZipFile": zipped("x = 1\n")}] * 3
    + [{"ZipFile": b"PK none"}, {"ZipFile": b""}]
)
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "FunctionName": _functions,
    "Name": st.sampled_from(("live", "live", "blue", "blue", "1")),
    "Qualifier": _qualifiers,
    "FunctionVersion": _versions,
    "LayerName": _names,
    "VersionNumber": st.integers(0, 4),
    "Layers": st.lists(_layers, max_size=2),
    "Runtime": st.sampled_from(("python3.13", "python3.12", "nodejs22.x")),
    "Handler": st.just("app.echo"),
    "Code": _code,
    "ZipFile": st.sampled_from((_ZIP, b"PK none")),
    "Content": _code,
    "Role": st.just("arn:aws:iam::123456789012:role/a"),
    "PackageType": st.sampled_from(("Zip",) * 7 + ("Image",)),
    "Architectures": st.sampled_from((["x86_64"], ["arm64"])),
    "MemorySize": st.sampled_from((128, 129, 512, 10240)),
    "Timeout": st.sampled_from((1, 3, 900)),
    "Environment": st.builds(
        lambda variables: {"Variables": variables},
        st.dictionaries(st.sampled_from(("KEY", "OTHER", "TZ")), st.text(max_size=8), max_size=2),
    ),
    "ReservedConcurrentExecutions": st.sampled_from((0, 1, 10, 900, 901)),
    "ProvisionedConcurrentExecutions": st.sampled_from((1, 2)),
    "AdditionalVersionWeights": st.dictionaries(
        st.sampled_from(("1", "2")), st.sampled_from((0.0, 0.5, 1.0)), max_size=2
    ),
    "Resource": st.one_of(
        st.builds(lambda name: _arn(f"function:{name}"), _names),
        st.builds(lambda name: _arn(f"layer:{name}"), _names),
    ),
    "TagKeys": st.lists(st.sampled_from(("k", "l")), min_size=1, max_size=2),
    "Tags": st.dictionaries(st.sampled_from(("k", "l")), st.text(max_size=4), max_size=2),
    "StatementId": st.sampled_from(("s", "t")),
    "Action": st.sampled_from(("lambda:InvokeFunction", "lambda:GetLayerVersion")),
    "Principal": st.sampled_from(("*", "s3.amazonaws.com", "123456789012")),
    "EventSourceArn": st.builds(
        "arn:aws:sqs:us-east-1:123456789012:{}".format, st.sampled_from(("q", "r"))
    ),
    "UUID": st.just("12345678-1234-1234-1234-123456789012"),
    "MaxItems": st.sampled_from((1, 2, 50)),
    "RevisionId": st.just("12345678-1234-1234-1234-123456789012"),
    "logGroupName": st.sampled_from(("/aws/lambda/a", "/aws/lambda/b", "g")),
    "logStreamName": st.sampled_from(("s", "t")),
    "Namespace": st.sampled_from(("AWS/Lambda", "Own")),
    "MetricName": st.sampled_from(("Invocations", "Errors", "m")),
    "Payload": st.sampled_from((b"{}", b"1", b"")),
}
"""Values of members by name that operations can work with."""
_RARELY = {
    "RevisionId",
    "ImageConfig",
    "FileSystemConfigs",
    "Layers",
    "CodeSigningConfigArn",
    "VpcConfig",
    "KMSKeyArn",
    "CapacityProviderConfig",
    "DurableConfig",
}
"""Members that make most calls fail, whatever their values."""

_USUAL = {
    "CreateFunctionRequest": {"Runtime", "Handler"},
    "UpdateFunctionCodeRequest": {"ZipFile"},
}
"""Members that the model does not require, and without which hardly any call succeeds."""

_json_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
any_json = st.recursive(
    _json_leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
odd_texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        (
            "",
            " ",
            "\0",
            "a" * 300,
            "a" * 70_000,
            "../../etc/passwd",
            "%",
            "${a}",
            "a:b:c:d:e:f:g:h",
            "\u202e",
            "\U0001f600",
            "null",
            "$LATEST:1",
            ":",
            "::::::",
        )
    ),
)
odd_numbers = st.sampled_from((-1, 0, 1, 1 << 31, 1 << 63, -(1 << 63), 1 << 64, 1e308, 0.5))


def plausible(  # noqa: PLR0911  # a kind a case
    shape: Shape, name: str = "", depth: int = 0
) -> st.SearchStrategy[Any]:
    """Returns values that fit a shape, and such as operations work with where those are known."""
    if name in PLAUSIBLE:
        return PLAUSIBLE[name]
    bounds = _LIMITS.of(shape)
    match shape.type_name:
        case "structure":
            return _structure(shape, depth)
        case "list":
            fewest = int(bounds.least or 0)
            inner = plausible(shape.member, "", depth + 1)
            return st.lists(inner, min_size=fewest, max_size=max(fewest, 2))
        case "map":
            keys, values = (
                plausible(shape.key, "", depth + 1),
                plausible(shape.value, "", depth + 1),
            )
            return st.dictionaries(keys, values, max_size=2)
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            least = int(bounds.least or 0)
            return st.integers(least, max(least, int(min(bounds.most or 100, 1 << 31))))
        case "double" | "float":
            return st.floats(bounds.least or 0.0, bounds.most or 1e9)
        case "timestamp":
            return st.integers(0, 2_000_000_000)
        case "blob":
            return st.binary(max_size=32)
        case _:
            return _texts(shape)


def _texts(shape: Shape) -> st.SearchStrategy[str]:
    enum = _LIMITS.of(shape).enum
    if enum:
        return st.sampled_from(enum)
    example = st.just(least_text(shape, _LIMITS) or "a")
    return example if shape.metadata.get("pattern") else example | st.text(max_size=10)


def _structure(shape: Shape, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    required = set(shape.required_members) | _USUAL.get(shape.name, set())
    members = {
        name: plausible(part, name, depth + 1)
        for name, part in shape.members.items()
        if name in required
    }
    if depth > _DEEPEST:
        return st.fixed_dictionaries(members)
    optional = {
        name: plausible(part, name, depth + 1)
        for name, part in shape.members.items()
        if name not in required and name not in _RARELY
    }
    return st.builds(
        lambda musts, mays, kept: musts | {n: v for n, v in mays.items() if n in kept},
        st.fixed_dictionaries(members),
        st.fixed_dictionaries({}, optional=optional),
        st.sets(st.sampled_from(sorted(optional)), max_size=4) if optional else st.just(set()),
    )


@st.composite
def spoilt(draw: st.DrawFn, arguments: Any) -> Any:
    """Returns arguments of which one, at any depth, became something else."""
    if isinstance(arguments, dict) and arguments:
        name = draw(st.sampled_from(sorted(arguments)))
        if isinstance(arguments[name], dict | list) and draw(st.booleans()):
            return arguments | {name: draw(spoilt(arguments[name]))}
        return arguments | {name: draw(odd_texts | odd_numbers | any_json)}
    if isinstance(arguments, list) and arguments:
        return [draw(spoilt(arguments[0])), *arguments[1:]]
    return draw(odd_texts | odd_numbers | any_json)


# requests


@st.composite
def requests(draw: st.DrawFn, served: Iterable[tuple[str, str]]) -> Request:
    """Returns a request of one of the operations, given as service and name."""
    service, name = draw(st.sampled_from(sorted(served)))
    operation = load(service).operation(name)
    assert operation is not None
    shape = operation.input_shape
    arguments = {} if shape is None else draw(plausible(shape))
    kind = draw(st.sampled_from(("right",) * 7 + ("spoilt",) * 2 + ("torn",)))
    if kind == "spoilt":
        arguments = draw(spoilt(arguments))
    made = encoded(service, operation, arguments, draw(st.sampled_from(REGIONS)))
    return draw(torn(made)) if kind == "torn" else made


@st.composite
def torn(draw: st.DrawFn, request: Request) -> Request:
    """Returns a request with another body, path or method."""
    other = draw(st.sampled_from(("body", "cut", "path", "method", "query")))
    path, body, method = request.path, request.body, request.method
    match other:
        case "body":
            body = draw(
                st.binary(max_size=100) | any_json.map(lambda value: json.dumps(value).encode())
            )
        case "cut":
            body = body[: draw(st.integers(0, max(len(body) - 1, 0)))]
        case "path":
            extra = quote(draw(st.binary(max_size=20)))
            path = draw(
                st.sampled_from(
                    (f"{path}/{extra}", f"{path}{extra}", path.rpartition("/")[0] or "/")
                )
            )
        case "method":
            method = draw(
                st.sampled_from(("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"))
            )
        case "query":
            path += ("&" if "?" in path else "?") + quote(draw(st.binary(max_size=20)), safe="=&")
    return Request(method, path, request.headers, body, request.region)


def encoded(service: str, operation: OperationModel, arguments: Any, region: str) -> Request:
    """Returns the request for an operation; arguments may be of any type."""
    signed = (
        f"AWS4-HMAC-SHA256 Credential=key/20260101/{region}/{service}/aws4_request, Signature=x"
    )
    headers = {"authorization": signed}
    metadata = load(service).metadata
    match metadata["protocols"][0]:
        case "rest-json":
            return _rest(operation, arguments, headers, region)
        case "json":
            headers["x-amz-target"] = f"{metadata['targetPrefix']}.{operation.name}"
            body = _json(arguments)
            return Request("POST", "/", headers, body, region, operation.name, _members(arguments))
        case _:
            headers["smithy-protocol"] = "rpc-v2-cbor"
            path = f"/service/{metadata['targetPrefix']}/operation/{operation.name}"
            body = _cbor(arguments)
            return Request("POST", path, headers, body, region, operation.name, _members(arguments))


def _rest(
    operation: OperationModel, arguments: Any, headers: dict[str, str], region: str
) -> Request:
    path, _, fixed = operation.http["requestUri"].partition("?")
    query = [fixed] if fixed else []
    inside, given = dict[str, Any](), _members(arguments)
    shape = operation.input_shape
    for name, value in given.items():
        place = {} if name not in _known(shape) else shape.members[name].serialization
        key = place.get("name", name)
        match place.get("location"):
            case "uri":
                path = path.replace(f"{{{key}}}", quote(_text(value), safe=""))
            case "querystring" if isinstance(value, list):
                query.append(urlencode([(key, _text(part)) for part in value]))
            case "querystring":
                query.append(urlencode({key: _text(value)}))
            case "header":
                headers[key.lower()] = quote(_text(value), safe=" !#$&'()*+,/:;=?@[]")
            case _:
                inside[key] = value
    payload = shape.serialization.get("payload") if shape is not None else None
    body = _payload(inside.get(payload)) if payload else _json(inside)
    target = path + ("?" + "&".join(query) if query else "")
    return Request(operation.http["method"], target, headers, body, region, operation.name, given)


def _known(shape: Shape | None) -> set[str]:
    return set() if shape is None else set(shape.members)


def _members(arguments: Any) -> dict[str, Any]:
    return arguments if isinstance(arguments, dict) else {}


def _payload(value: Any) -> bytes:
    return value if isinstance(value, bytes) else _json(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)


def _json(value: Any) -> bytes:
    return json.dumps(_jsonable(value)).encode()


def _jsonable(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
        case dict():
            return {str(key): _jsonable(part) for key, part in value.items()}
        case list():
            return [_jsonable(part) for part in value]
        case float() if not math.isfinite(value):
            return str(value)
    return value


def _cbor(value: Any) -> bytes:
    return cbor2.dumps(value)
