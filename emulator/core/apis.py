"""Defines the APIs in front of functions: HTTP APIs and REST APIs, each with one stage.

Knows nothing of HTTP and of templates: a template is read into these values, and the gateway
serves them. Which route takes a request is `routes`' and `resources`'.

Source: botocore's service models of API Gateway (`apigateway`, `apigatewayv2`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_url import Cors
    from emulator.core.routes import Route

DEFAULT_STAGE = "$default"
"""The stage of an HTTP API that no path names."""


@dataclass(frozen=True, slots=True)
class HttpApi:
    """Holds an HTTP API (API Gateway v2)."""

    id: str
    """Name in the API's host name: lower-case letters, digits and hyphens."""
    routes: tuple[Route, ...] = ()
    stage: str = DEFAULT_STAGE
    """Stands first in the paths of clients, unless it is `$default`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The stage's variables, which each event has."""
    cors: Cors | None = None
    """What API Gateway tells browsers; None leaves that to the functions."""


@dataclass(frozen=True, slots=True)
class RestCors:
    """Holds the headers with which a REST API answers OPTIONS itself, as SAM's Cors sets them.

    All other answers have the headers of the functions alone.
    """

    allow_origin: str
    allow_methods: str = ""
    """Empty: the methods of each path."""
    allow_headers: str = ""
    max_age: str = ""
    allow_credentials: bool = False


@dataclass(frozen=True, slots=True)
class RestApi:
    """Holds a REST API (API Gateway v1)."""

    id: str
    """Name in the API's host name: lower-case letters, digits and hyphens."""
    routes: tuple[Route, ...] = ()
    stage: str = "Prod"
    """Stands first in the paths of clients."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The stage's variables, which each event has."""
    binary_media_types: tuple[str, ...] = ()
    """Types of bodies that are handed on in base64; `*` stands for any part of a name."""
    cors: RestCors | None = None


Api = HttpApi | RestApi
