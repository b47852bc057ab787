"""Loads AWS's own description of a service (botocore's), and finds the operation of a path.

Everything is loaded when it is first asked for: a description takes some ten milliseconds.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from botocore import model
from botocore.loaders import Loader

if TYPE_CHECKING:
    from collections.abc import Mapping

Shape = Any
"""A shape of botocore's, which has no types."""
OperationModel = Any
"""An operation of botocore's, which has no types."""


class _Service(NamedTuple):
    """Holds what is known of a service beside its description."""

    description: str
    """The name of botocore's folder."""
    refusal: str
    """The code of the error that says which constraints are broken."""


_SERVICES = {
    "lambda": _Service("lambda", "ValidationException"),
    "logs": _Service("logs", "InvalidParameterException"),
    "monitoring": _Service("cloudwatch", "ValidationException"),
    # signed for as `lambda`, and served by nobody
    "lambda-core": _Service("lambda-core", "ValidationException"),
    "lambda-microvms": _Service("lambda-microvms", "ValidationException"),
    "lambda-web": _Service("lambda-web", "ValidationException"),
}


class PathMatch(NamedTuple):
    """Holds the operation that a request's path means, and the labels in the path."""

    operation: OperationModel
    labels: dict[str, str]


class ServiceModel:
    """Describes the operations of one service."""

    def __init__(self, name: str, description: Mapping[str, Any]) -> None:
        self.name = name
        self.refusal = _SERVICES[name].refusal
        """The code of the error that says which constraints are broken."""
        self._model = model.ServiceModel(description, _SERVICES[name].description)
        self.operation_names = frozenset(self._model.operation_names)
        self.metadata: Mapping[str, Any] = self._model.metadata
        self._paths: dict[tuple[str, int], list[_Path]] | None = None

    def operation(self, name: str) -> OperationModel | None:
        """Returns an operation's description; None where the service has none of this name."""
        return self._model.operation_model(name) if name in self.operation_names else None

    def error(self, code: str) -> Shape | None:
        """Returns the shape of an error, by its name or its code; None where there is none such."""
        return self._errors.get(code)

    @cached_property
    def _errors(self) -> dict[str, Shape]:
        found = {}
        for shape in self._model.error_shapes:
            found[shape.name] = found[shape.error_code] = shape
        return found

    def match(self, method: str, path: str, query: str) -> PathMatch | None:
        """Returns what a path, as it came over the wire, asks for; None for no operation."""
        if self._paths is None:
            self._paths = self._indexed()
        segments = path.split("/")
        if segments[-1] == "":
            segments.pop()
        for known in self._paths.get((method, len(segments)), ()):
            labels = known.labels(segments, query)
            if labels is not None:
                return PathMatch(self.operation(known.operation), labels)
        return None

    def _indexed(self) -> dict[tuple[str, int], list[_Path]]:
        found: dict[tuple[str, int], list[_Path]] = {}
        for name in sorted(self.operation_names):
            http = self._model.operation_model(name).http
            path = _Path(name, http["requestUri"])
            found.setdefault((http["method"], len(path.segments)), []).append(path)
        for paths in found.values():  # a fixed parameter tells an operation from its plain sibling
            paths.sort(key=lambda path: not path.fixed)
        return found


class _Path:
    """Matches paths of one operation: fixed segments, and `{labels}`."""

    def __init__(self, operation: str, uri: str) -> None:
        path, _, query = uri.partition("?")
        self.operation = operation
        self.segments = path.rstrip("/").split("/")
        self.fixed = frozenset(parse_qsl(query, keep_blank_values=True))

    def labels(self, segments: list[str], query: str) -> dict[str, str] | None:
        """Returns what stands at the labels; None where the path is another one."""
        found = {}
        for known, given in zip(self.segments, segments, strict=True):
            if known.startswith("{"):
                found[known.strip("{}+")] = unquote(given)
            elif known != given:
                return None
        if self.fixed and not self.fixed <= set(parse_qsl(query, keep_blank_values=True)):
            return None
        return found


@cache
def load(service: str) -> ServiceModel:
    """Loads the newest description of a service, by the name in `_SERVICES`, once."""
    description = Loader().load_service_model(_SERVICES[service].description, "service-2")
    return ServiceModel(service, description)
