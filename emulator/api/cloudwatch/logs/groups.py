"""Serves the operations on log groups, their retention and their tags.

Source of limits, sentences and orders: the API reference of CloudWatch Logs, and its service model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.logs.lookup import (
    existing_group,
    group_arn,
    identified,
    invalid,
    scope_of,
)
from emulator.api.services.calls import ServiceError
from emulator.live.store.logs.groups import (
    STANDARD,
    create_group,
    delete_group,
    list_groups,
    set_retention,
    set_tags,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping

    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import Scope
    from emulator.live.store.logs.archive import LogArchive
    from emulator.live.store.logs.groups import LogGroup

    _Change = Callable[[Mapping[str, str]], Mapping[str, str]]

_PAGE = 50
_RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Days, as the API reference of PutRetentionPolicy lists them."""
_MOST_TAGS = 50


class GroupOperations:
    """Serves log groups out of an archive."""

    def __init__(self, archive: LogArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateLogGroup": self._create,
            "DeleteLogGroup": self._delete,
            "DescribeLogGroups": self._describe,
            "ListLogGroups": self._list,
            "PutRetentionPolicy": self._put_retention,
            "DeleteRetentionPolicy": self._delete_retention,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
            "TagLogGroup": self._tag,
            "UntagLogGroup": self._untag,
            "ListTagsLogGroup": self._tags,
        }

    async def _create(self, call: Call) -> Mapping[str, Any]:
        given, scope, now = call.arguments, scope_of(call), self._archive.now()

        def work(connection: sqlite3.Connection) -> None:
            new = create_group(
                connection,
                scope,
                given["logGroupName"],
                now,
                log_class=given.get("logGroupClass", STANDARD),
                key_id=given.get("kmsKeyId"),
                protected=given.get("deletionProtectionEnabled", False),
                tags=given.get("tags"),
            )
            if not new:
                sentence = "The specified log group already exists"
                raise ServiceError("ResourceAlreadyExistsException", sentence)

        await self._archive.write(work)
        return {}

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        scope, name = scope_of(call), call.arguments["logGroupName"]

        def work(connection: sqlite3.Connection) -> None:
            group = existing_group(connection, scope, name)
            if group.protected:
                raise ServiceError(
                    "ValidationException",
                    f"Log group {name} has deletion protection enabled and can't be deleted.",
                )
            delete_group(connection, group.id)

        await self._archive.write(work)
        return {}

    async def _describe(self, call: Call) -> Mapping[str, Any]:
        given, scope = call.arguments, scope_of(call)
        prefix, pattern = given.get("logGroupNamePrefix"), given.get("logGroupNamePattern")
        if prefix is not None and pattern:
            invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        wanted = {identified(call, one)[1] for one in given.get("logGroupIdentifiers", ())}
        log_class = given.get("logGroupClass")

        def matches(group: LogGroup) -> bool:
            return (
                group.name.startswith(prefix or "")
                and (pattern or "") in group.name
                and (not wanted or group.name in wanted)
                and log_class in (None, group.log_class)
            )

        groups = await self._after(scope, given.get("nextToken", ""))
        page, token = _page(filter(matches, groups), given.get("limit", _PAGE))
        return {"logGroups": [_described(scope, group) for group in page], "nextToken": token}

    async def _list(self, call: Call) -> Mapping[str, Any]:
        given, scope = call.arguments, scope_of(call)
        pattern = re.compile(given.get("logGroupNamePattern", ""))
        groups = await self._after(scope, given.get("nextToken", ""))
        found = (
            group
            for group in groups
            if pattern.search(group.name) and given.get("logGroupClass") in (None, group.log_class)
        )
        page, token = _page(found, given.get("limit", _PAGE))
        summaries = [
            {
                "logGroupName": group.name,
                "logGroupArn": group_arn(scope, group.name),
                "logGroupClass": group.log_class,
            }
            for group in page
        ]
        return {"logGroups": summaries, "nextToken": token}

    async def _after(self, scope: Scope, token: str) -> list[LogGroup]:
        return await self._archive.read(lambda connection: list_groups(connection, scope, token))

    # retention

    async def _put_retention(self, call: Call) -> Mapping[str, Any]:
        days = call.arguments["retentionInDays"]
        if days not in _RETENTIONS:
            invalid(
                f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to "
                f"satisfy constraint: Member must satisfy enum value set: {list(_RETENTIONS)}"
            )
        return await self._retain(call, days)

    async def _delete_retention(self, call: Call) -> Mapping[str, Any]:
        return await self._retain(call, None)

    async def _retain(self, call: Call, days: int | None) -> Mapping[str, Any]:
        scope, name = scope_of(call), call.arguments["logGroupName"]

        def work(connection: sqlite3.Connection) -> None:
            set_retention(connection, existing_group(connection, scope, name).id, days)

        await self._archive.write(work)
        return {}

    # tags, by a group's ARN, or by its name in the older operations

    async def _tag(self, call: Call) -> Mapping[str, Any]:
        new = call.arguments["tags"]

        def changed(tags: Mapping[str, str]) -> dict[str, str]:
            merged = {**tags, **new}
            if len(merged) > _MOST_TAGS:
                sentence = f"The resource has more than {_MOST_TAGS} tags."
                raise ServiceError("TooManyTagsException", sentence)
            return merged

        return await self._change_tags(call, changed)

    async def _untag(self, call: Call) -> Mapping[str, Any]:
        gone = frozenset(call.arguments.get("tagKeys") or call.arguments.get("tags") or ())
        return await self._change_tags(
            call, lambda tags: {key: value for key, value in tags.items() if key not in gone}
        )

    async def _change_tags(self, call: Call, changed: _Change) -> Mapping[str, Any]:
        scope, name = _tagged(call)

        def work(connection: sqlite3.Connection) -> None:
            group = existing_group(connection, scope, name)
            set_tags(connection, group.id, changed(group.tags))

        await self._archive.write(work)
        return {}

    async def _tags(self, call: Call) -> Mapping[str, Any]:
        scope, name = _tagged(call)
        group = await self._archive.read(lambda connection: existing_group(connection, scope, name))
        return {"tags": group.tags}


def _tagged(call: Call) -> tuple[Scope, str]:
    """Returns the group of a call about tags."""
    name = call.arguments.get("logGroupName")
    return (
        identified(call, call.arguments["resourceArn"])
        if name is None
        else (
            scope_of(call),
            name,
        )
    )


def _page(groups: Iterable[LogGroup], limit: int) -> tuple[list[LogGroup], str | None]:
    """Returns a page of groups, and the token of the next one: the name of the page's last."""
    page: list[LogGroup] = []
    for group in groups:
        if len(page) == limit:
            return page, page[-1].name
        page.append(group)
    return page, None


def _described(scope: Scope, group: LogGroup) -> dict[str, Any]:
    arn = group_arn(scope, group.name)
    return {
        "logGroupName": group.name,
        "creationTime": group.created,
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": group.size,
        "kmsKeyId": group.key_id,
        "logGroupClass": group.log_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.protected,
    }
