"""Tells the policies and tags of functions and layers, out of the store.

A template's function with a public URL has the permission that SAM gives such a function.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from emulator.core.function_names import NameFault, Reference, Scope, refer
from emulator.core.function_url import UrlAuth
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.store.catalog import Catalog

_LAYER = re.compile(r"arn:aws[\w-]*:lambda:([\w-]+):(\d{12}):layer:([\w-]+):(\d+)")


class StoredResources:
    """Reads the policies and tags of functions and layers out of the store."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def policy(self, arn: str) -> str | None:
        if layer := _LAYER.fullmatch(arn):
            key = Key(Scope(layer[2], layer[1]), Kind.LAYER_POLICY, layer[3], layer[4])
            return _written(self._stored(key))
        reference = _function(arn)
        if reference is None:
            return None
        name = reference.function
        key = Key(name.scope, Kind.POLICY, name.name, reference.qualifier)
        return _written([*self._stored(key), *self._of_template(reference)])

    def tags(self, arn: str) -> Mapping[str, str]:
        reference = _function(arn)
        found = None if reference is None else self._catalog.function(reference.function)
        return {} if found is None else found.tags

    def _stored(self, key: Key) -> list[dict[str, Any]]:
        found = self._catalog.resources.get(key)
        return [] if found is None else list(found["document"]["Statement"])

    def _of_template(self, reference: Reference) -> list[dict[str, Any]]:
        name = reference.function
        function = self._catalog.function(name)
        if function is None or not function.from_template:
            return []
        key = Key(name.scope, Kind.URL, name.name, reference.qualifier)
        url = self._catalog.resources.get(key)
        public = url is not None and url["AuthType"] == UrlAuth.NONE
        return _public(reference.arn) if public else []


def _function(arn: str) -> Reference | None:
    """Returns the function, version or alias of an ARN; None for other resources."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[5] != "function":  # noqa: PLR2004  # parts of an ARN
        return None
    try:
        return refer(arn, None, Scope(parts[4], parts[3]))
    except NameFault:
        return None


def _written(statements: list[dict[str, Any]]) -> str | None:
    if not statements:
        return None
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _public(arn: str) -> list[dict[str, Any]]:
    """Returns what SAM lets everyone do with a function whose URL asks for no signature."""
    to_all = {"Effect": "Allow", "Principal": "*", "Resource": arn}
    return [
        {
            **to_all,
            "Sid": "FunctionURLAllowPublicAccess",
            "Action": "lambda:InvokeFunctionUrl",
            "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        },
        {
            **to_all,
            "Sid": "FunctionURLInvokeAllowPublicAccess",
            "Action": "lambda:InvokeFunction",
            "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        },
    ]
