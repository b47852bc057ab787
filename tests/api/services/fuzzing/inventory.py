"""Everything that an emulator lists, so that it can be held against another look at it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.api.services.fuzzing.requests import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.services.conftest import ServedApi

_PASSING = frozenset(
    {
        "ResponseMetadata",
        "Code",  # a link that ends with the emulator
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "RevisionId",
        "LastModified",
        "storedBytes",
    }
)
"""Members that change by themselves."""
_PORT = re.compile(r"localhost:\d+")
_OF_A_FUNCTION = (
    "get_function",
    "get_function_concurrency",
    "get_function_code_signing_config",
    "get_function_recursion_config",
    "get_policy",
    "get_runtime_management_config",
    "list_aliases",
    "list_function_event_invoke_configs",
    "list_function_url_configs",
    "list_versions_by_function",
)


def inventory(api: ServedApi) -> dict[str, Any]:
    """Returns what each list and each function's settings say now, by region and name."""
    found: dict[str, Any] = {}
    for region in REGIONS:
        client = api.client("lambda", region=region)
        for what in ("list_functions", "list_layers", "list_code_signing_configs"):
            found[f"{region} {what}"] = _told(getattr(client, what))
        for name in [f["FunctionName"] for f in client.list_functions()["Functions"]]:
            for what in _OF_A_FUNCTION:
                found[f"{region} {name} {what}"] = _told(getattr(client, what), FunctionName=name)
        for layer in client.list_layers()["Layers"]:
            name = layer["LayerName"]
            versions = _told(client.list_layer_versions, LayerName=name)
            found[f"{region} layer {name}"] = versions
        logs = api.client("logs", region=region)
        found[f"{region} log groups"] = _told(logs.describe_log_groups)
    return found


def _told(ask: Callable[..., dict[str, Any]], **arguments: Any) -> Any:
    """Returns an answer without what changes by itself, or the code of the refusal."""
    try:
        return _lasting(ask(**arguments))
    except ClientError as error:
        return error.response["Error"]["Code"]


def _lasting(value: Any) -> Any:
    match value:
        case dict():
            return {name: _lasting(part) for name, part in value.items() if name not in _PASSING}
        case list():
            return [_lasting(part) for part in value]
        case str():
            return _PORT.sub("localhost", value)
    return value


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns what two looks do not agree on."""
    return {
        what: (before.get(what), after.get(what))
        for what in sorted(before.keys() | after.keys())
        if before.get(what) != after.get(what)
    }
