"""Makes versions of the catalogue ready to be invoked: at once, when first needed, or beside.

A version that a client has made or changed is made ready in the background, as on Lambda: it is
Pending until then, and a version whose update goes on serves as it was. After a restart a version
is made ready by its first request, so that a thousand functions cost nothing.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.core.function_names import FunctionName
from emulator.core.version_key import LATEST
from emulator.errors import (
    BuildError,
    ResourceConflictError,
    ServiceError,
    ServiceUnavailableError,
    SnapshotError,
    SnapStartNotReadyError,
)
from emulator.live.functions.conversion import configuration, members
from emulator.live.functions.folders import identity, zipped
from emulator.live.functions.template_events import NO_EVENTS, event_invoke_key
from emulator.live.functions.urls import template_url
from emulator.live.store.function_records import (
    Code,
    Function,
    State,
    Status,
    UpdateStatus,
    Version,
    concurrency_key,
    function_key,
    new_revision,
    revised,
    url_key,
    version_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.function_names import Scope
    from emulator.core.version_key import VersionKey
    from emulator.live.backends.interface import Progress
    from emulator.live.deployments import Prepared
    from emulator.live.engine import Engine
    from emulator.live.functions.template_events import TemplateEvents
    from emulator.live.store.archives import Archives
    from emulator.live.store.catalog import Catalog

log = logging.getLogger(__name__)

_AT_ONCE = 2
"""Packages that are made in the background at one time; more would slow functions down."""
ACTIVE = Status(State.ACTIVE, "", "")


class Deployer:
    """Brings the engine what the catalogue says. Use from the engine's event loop."""

    def __init__(
        self,
        catalog: Catalog,
        archives: Archives,
        engine: Engine,
        *,
        home: Scope,
        time_of_day: Callable[[], str],
    ) -> None:
        """Takes `time_of_day`, which writes the present time as LastModified has it."""
        self._catalog = catalog
        self._archives = archives
        self._engine = engine
        self._home = home
        self._time_of_day = time_of_day
        self._templates: dict[FunctionName, FunctionConfiguration] = {}
        self._making: defaultdict[VersionKey, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._background = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_work: Counter[str] = Counter()

    # what requests need

    async def ready(self, version: Version) -> VersionKey:
        """Returns the key by which the engine knows a version, which is made ready if need be.

        Raises:
            ResourceConflictError: the version is Pending or Failed. Lambda refuses so, and does not
                wait ("Lambda function states" in the developer guide: "Lambda does not invoke a
                function during pending state"; the sentence: remotion-dev/remotion, issue 1186).
            SnapStartNotReadyError: it is Pending until its snapshot is taken.
            ServiceUnavailableError: its package cannot be made any more.
        """
        key = self.key(version)
        if self._engine.has(key):
            return key
        if version.status.state is not State.ACTIVE:
            raise _not_invoked(version)
        async with self._making[key]:
            if not self._engine.has(key):
                try:
                    self._engine.put(await self._prepared(version, _silent))
                except (BuildError, ServiceError, OSError) as error:
                    raise ServiceUnavailableError(f"{version.arn}: {error}") from error
        return key

    def key(self, version: Version) -> VersionKey:
        """Returns the key of a version in the engine, ready or not."""
        return version.function.key(version.version, self._home)

    # what clients change

    def begin(self, version: Version) -> None:
        """Makes a Pending version ready in the background; it becomes Active, or Failed."""
        self._spawn(self._create(version), version)

    def begin_update(self, before: Version, after: Version) -> None:
        """Replaces a version in the background; where that fails, all stays as it was `before`."""
        self._spawn(self._update(before, after), before, after)

    def archives_in_work(self) -> Collection[str]:
        """Returns the zips of versions being made, and of those that stay where that fails."""
        return self._in_work.keys()

    def retire(self, version: Version) -> None:
        """Takes a version from the engine; requests that came before end as they would have."""
        self._engine.retire(self.key(version))

    def resume(self) -> None:
        """Goes on with what an earlier emulator had begun; what it kept for others goes."""
        found = [
            version
            for function in self._catalog.all_functions()
            for version in self._catalog.versions(function.name)
        ]
        self._engine.keep_only({self.key(version) for version in found})
        for version in found:
            if version.status.state is State.PENDING:
                self.begin(version)
            elif version.status.update is UpdateStatus.IN_PROGRESS:
                self.begin_update(version, version)

    async def close(self) -> None:
        """Ends the work in the background, which the next emulator resumes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # what a template says

    async def deploy(
        self,
        template: FunctionConfiguration,
        progress: Progress,
        events: TemplateEvents = NO_EVENTS,
    ) -> Version:
        """Puts a template's function in the place of any other of its name, and makes it ready.

        Published versions and aliases of the name stay.

        Args:
            template: the function.
            progress: is told how far its package is.
            events: what the template says of the function's asynchronous events.

        Raises:
            BuildError: the package cannot be made.
        """
        version = await self._of_template(template, events)
        self._templates[version.function] = template
        function = self._catalog.function(version.function) or Function(version.function)
        reserved, url = template.reserved_concurrency, url_key(version.function)
        resources = self._catalog.resources
        await resources.change(
            {
                function_key(version.function): replace(function, from_template=True).document,
                version_key(version.function, version.version): version.document,
                concurrency_key(version.function): None
                if reserved is None
                else {"ReservedConcurrentExecutions": reserved},
                event_invoke_key(version.function): events.document(self._time_of_day()),
                url: template_url(template, resources.get(url), self._time_of_day()),
            }
        )
        self._engine.put(await self._prepared(version, progress))
        return version

    async def frozen(self, version: Version) -> Code:
        """Returns a version's code where nobody changes it: a template's folders are zipped."""
        code = version.code
        if not code.folder:
            return code
        most = sys.maxsize  # Lambda's limit is checked where the package is made
        archives = [
            await self._archives.keep(await asyncio.to_thread(zipped, Path(folder)), most)
            for folder in (code.folder, *code.layers)
        ]
        return Code(
            code.sha256,
            code.size,
            archives[0].name,
            unzipped=archives[0].unzipped,
            layer_archives=tuple(archive.name for archive in archives[1:]),
        )

    async def forget_templates(self, kept: Collection[str]) -> None:
        """Takes away the functions of earlier templates whose names are not `kept`."""
        for function in self._catalog.all_functions():
            if function.from_template and function.name.name not in kept:
                await self._catalog.delete(function.name)

    async def _of_template(
        self, template: FunctionConfiguration, events: TemplateEvents
    ) -> Version:
        source = template.image
        sha256, size = await asyncio.to_thread(identity, template)
        code = Code(
            sha256=sha256,
            size=size,
            folder=template.code,
            layers=template.layers,
            image_uri=template.image_uri,
            dockerfile=source.dockerfile if source else "",
            context=source.context if source else "",
        )
        return Version(
            FunctionName(self._home, template.name),
            LATEST,
            {"Role": f"arn:aws:iam::{self._home.account}:role/testbed"}
            | members(template)
            | events.members,
            code,
            ACTIVE,
            new_revision(),
            self._time_of_day(),
        )

    # making

    async def _create(self, version: Version) -> None:
        async with self._background, self._making[self.key(version)]:
            prepared, fault, code = await self._tried(version)
            if not self._is_current(version):
                if prepared is not None:
                    self._engine.forget(prepared)
                return  # deleted meanwhile, or changed, which makes it anew
            if prepared is None:
                status = Status(State.FAILED, fault, code)
            else:
                self._engine.put(prepared)
                status = ACTIVE
        await self._catalog.save(revised(version, version.modified, status=status))

    async def _update(self, before: Version, after: Version) -> None:
        async with self._background, self._making[self.key(after)]:
            prepared, fault, _ = await self._tried(after)
            if not self._is_current(after):
                if prepared is not None:
                    self._engine.forget(prepared)
                return
            if prepared is None:
                status = _failed_update(before.status, fault)
                await self._catalog.save(revised(before, after.modified, status=status))
                return
            self._engine.put(prepared)
        await self._catalog.save(revised(after, after.modified, status=ACTIVE))

    async def _tried(self, version: Version) -> tuple[Prepared | None, str, str]:
        """Returns the version with its package, or a sentence and a code of why there is none."""
        try:
            return await self._prepared(version, _silent), "", ""
        except (BuildError, ServiceError, OSError) as error:
            log.warning("%s cannot be made: %s", version.arn, error)
            code = "InvalidImage" if version.code.image_uri else "InvalidConfiguration"
            if isinstance(error, SnapshotError):
                code = error.code
            return None, str(error), code

    async def _prepared(self, version: Version, progress: Progress) -> Prepared:
        return await self._engine.prepare(await self._configuration(version), progress)

    async def _configuration(self, version: Version) -> FunctionConfiguration:
        code = version.code
        folder = str(await self._archives.folder(code.archive)) if code.archive else code.folder
        layers = [str(await self._archives.folder(name)) for name in code.layer_archives]
        concurrency = self._catalog.resources.get(concurrency_key(version.function)) or {}
        return configuration(
            version,
            self._home,
            code=folder,
            layers=(*code.layers, *layers),
            reserved_concurrency=concurrency.get("ReservedConcurrentExecutions"),
            template=self._templates.get(version.function),
        )

    def _is_current(self, version: Version) -> bool:
        found = self._catalog.version(version.function, version.version)
        return found is not None and found.revision == version.revision

    def _spawn(self, work: Coroutine[None, None, None], *versions: Version) -> None:
        archives = Counter(name for version in versions for name in version.code.archives)
        self._in_work += archives
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, archives))

    def _ended(self, archives: Counter[str], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._in_work -= archives
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a function could not be made ready", exc_info=error)


def _not_invoked(version: Version) -> ServiceError:
    """Returns AWS's refusal of an invocation of a version that is not Active."""
    state, snap_start = version.status.state, version.members.get("SnapStart", {})
    takes = version.version != LATEST and snap_start.get("ApplyOn") == "PublishedVersions"
    return SnapStartNotReadyError() if takes and state is State.PENDING else not_now(state)


def not_now(state: State) -> ResourceConflictError:
    """Returns AWS's refusal of what a version in a state cannot do."""
    return ResourceConflictError(
        "The operation cannot be performed at this time. The function is currently in the "
        f"following state: {state}"
    )


def _failed_update(before: Status, fault: str) -> Status:
    return replace(
        before,
        update=UpdateStatus.FAILED,
        update_reason=fault,
        update_reason_code="InvalidConfiguration",
    )


def _silent(line: str) -> None:
    log.debug("%s", line)
