"""Publishes versions of functions, and lists them.

Source: the API reference (PublishVersion: "AWS Lambda doesn't publish a version if the function's
configuration and code haven't changed since the last version"); the sentence about CodeSha256 is
measured (floci-io/floci, issue 2822).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control import view
from emulator.api.control.checks import check_idle, check_revision
from emulator.api.control.collaborators import function_name
from emulator.api.control.pages import page
from emulator.core.function_names import Reference
from emulator.core.version_key import LATEST
from emulator.errors import InvalidParameterValueError
from emulator.live.functions.deployer import ACTIVE, not_now
from emulator.live.store.catalog import not_found
from emulator.live.store.function_records import State, Status, UpdateStatus, Version, new_revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation


def version_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on versions, by name."""
    return {
        "PublishVersion": partial(publish_version, control),
        "ListVersionsByFunction": partial(list_versions_by_function, control),
    }


async def publish_version(control: Control, call: Call) -> dict[str, Any]:
    """Publishes $LATEST as it is, unless the last version is the same."""
    name, arguments = function_name(call), call.arguments
    latest = control.catalog.version(name)
    if latest is None:
        raise not_found(Reference(name))
    check_idle(latest)
    if latest.status.state is not State.ACTIVE:
        raise not_now(latest.status.state)
    check_revision(latest.revision, arguments.get("RevisionId"))
    wanted = arguments.get("CodeSha256")
    if wanted and wanted != latest.code.sha256:
        raise InvalidParameterValueError(
            f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST "
            f"({latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST."
        )
    return view.configuration(await publish(control, latest, arguments.get("Description")))


async def publish(control: Control, latest: Version, description: str | None = None) -> Version:
    """Returns the version that has what $LATEST has, which is published if there is none yet."""
    code = await control.deployer.frozen(latest)
    # nothing is awaited between what is read here and what is saved
    function = control.catalog.existing(latest.function)
    last = control.catalog.versions(latest.function)[-1]
    if last.version != LATEST and _is_same(last, latest, description):
        return last
    is_made = latest.status.update is not UpdateStatus.IN_PROGRESS and not _snapshots(latest)
    published = Version(
        latest.function,
        str(function.next_version),
        {**latest.members, **({} if description is None else {"Description": description})},
        code,
        ACTIVE if is_made else Status(),
        new_revision(),
        control.time_of_day(),
    )
    following = replace(function, next_version=function.next_version + 1)
    await control.catalog.save(following, published)
    if not is_made:
        control.deployer.begin(published)
    return published


async def list_versions_by_function(control: Control, call: Call) -> dict[str, Any]:
    """Lists $LATEST and the published versions of a function, the oldest first."""
    name = function_name(call)
    control.catalog.existing(name)
    versions = control.catalog.versions(name)
    write = partial(view.listed, qualified=True)
    return page(call, versions, lambda version: version.version, write, "Versions")


def _snapshots(latest: Version) -> bool:
    """Returns whether a published version is Pending until its snapshot is taken (SnapStart)."""
    applied: str = latest.members.get("SnapStart", {}).get("ApplyOn", "None")
    return applied == "PublishedVersions"


def _is_same(last: Version, latest: Version, description: str | None) -> bool:
    """Returns whether a published version has $LATEST's code and configuration.

    A description that the call itself gives is not compared, as it is no part of $LATEST.
    """
    ignored = {} if description is None else {"Description": None}
    same_code = last.code.sha256 == latest.code.sha256
    return same_code and {**last.members, **ignored} == {**latest.members, **ignored}
