"""Labels functions, event source mappings and code signing configurations with tags.

Source: the API reference (TagResource; "Tags on Lambda resources": at most 50, no names that begin
with `aws:`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.core.function_names import FunctionName, Scope
from emulator.errors import InvalidParameterValueError, ResourceNotFoundError
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation

_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):(?P<account>\d{12}):"
    r"(?P<kind>function|event-source-mapping|code-signing-config):(?P<id>[a-zA-Z0-9-_]+)(?P<more>:.*)?"
)
_KINDS = {
    "event-source-mapping": Kind.EVENT_SOURCE,
    "code-signing-config": Kind.CODE_SIGNING_CONFIG,
}
_MOST = 50


def tag_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on tags, by name."""
    return {
        "ListTags": partial(list_tags, control),
        "TagResource": partial(tag_resource, control),
        "UntagResource": partial(untag_resource, control),
    }


async def list_tags(control: Control, call: Call) -> dict[str, Any]:
    """Returns the tags of what an ARN names."""
    return {"Tags": dict(_tags(control, call.arguments["Resource"]))}


async def tag_resource(control: Control, call: Call) -> dict[str, Any]:
    """Adds tags, in the place of earlier ones of the same names."""
    arn = call.arguments["Resource"]
    tags = {**_tags(control, arn), **call.arguments["Tags"]}
    check_tags(tags)
    await _save(control, arn, tags)
    return {}


async def untag_resource(control: Control, call: Call) -> dict[str, Any]:
    """Takes tags away, as far as they are there."""
    arn, names = call.arguments["Resource"], call.arguments["TagKeys"]
    tags = {name: value for name, value in _tags(control, arn).items() if name not in names}
    await _save(control, arn, tags)
    return {}


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuses more tags than there may be, and names that are AWS's own."""
    if len(tags) > _MOST:
        raise InvalidParameterValueError("Number of tags exceeds resource tag limit.")
    if any(name.lower().startswith("aws:") for name in tags):
        raise InvalidParameterValueError("System tags cannot be added/updated by requester.")


def _tags(control: Control, arn: str) -> Mapping[str, str]:
    kind, scope, name = _resource(arn)
    if kind == "function":
        return control.catalog.existing(FunctionName(scope, name)).tags
    if control.catalog.resources.get(Key(scope, _KINDS[kind], name)) is None:
        raise ResourceNotFoundError(f"The resource {arn} does not exist.")
    return control.catalog.resources.get(_key(scope, kind, name)) or {}


async def _save(control: Control, arn: str, tags: Mapping[str, str]) -> None:
    kind, scope, name = _resource(arn)
    if kind == "function":
        function = control.catalog.existing(FunctionName(scope, name))
        await control.catalog.save(replace(function, tags=tags))
    else:
        await control.catalog.resources.change({_key(scope, kind, name): tags or None})


def _key(scope: Scope, kind: str, name: str) -> Key:
    return Key(scope, Kind.TAGS, f"{kind}:{name}")


def _resource(arn: str) -> tuple[str, Scope, str]:
    """Returns kind, place and name of what an ARN names.

    Raises:
        InvalidParameterValueError: nothing that has tags can have the ARN.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise InvalidParameterValueError(f"Value '{arn}' at 'resource' is no ARN of Lambda's.")
    if found["more"]:
        raise InvalidParameterValueError(
            "Tags on function aliases and versions are not supported. Please specify a function "
            "ARN."
        )
    return found["kind"], Scope(found["account"], found["region"]), found["id"]
