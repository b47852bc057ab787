"""Tells the policies and tags of functions that the engine runs.

A template's function with a public URL has the permission that SAM gives such a function.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.core.function_url import UrlAuth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.engine import Engine


class EngineResources:
    """Reads the engine's functions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def policy(self, arn: str) -> str | None:
        for function in self._engine.functions.values():
            if function.arn == arn and function.function_url is not None:
                return _public(function) if function.function_url.auth is UrlAuth.NONE else None
        return None

    def tags(self, arn: str) -> Mapping[str, str]:
        del arn  # templates' tags are not kept
        return {}


def _public(function: FunctionConfiguration) -> str:
    """Returns the policy that SAM attaches to a function whose URL asks for no signature."""
    statements: list[dict[str, Any]] = [
        {
            "Sid": "FunctionURLAllowPublicAccess",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "lambda:InvokeFunctionUrl",
            "Resource": function.arn,
            "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        },
        {
            "Sid": "FunctionURLInvokeAllowPublicAccess",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "lambda:InvokeFunction",
            "Resource": function.arn,
            "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
