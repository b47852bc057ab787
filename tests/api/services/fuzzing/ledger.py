"""What the answers say that exists, kept beside the emulator and held against what it lists."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.api.services.fuzzing.requests import REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.api.services.conftest import ServedApi
    from tests.api.services.fuzzing.requests import Request

_NAME = re.compile(r"(?:.*function:)?([A-Za-z0-9_-]+)(?::([A-Za-z0-9_$.-]+))?")
Key = tuple[str, str]
"""Region and name."""


class Ledger:
    """Notes answers; `differences` tells what was lost, or came from nowhere."""

    def __init__(self) -> None:
        self.functions: dict[Key, str] = {}
        """Descriptions of $LATEST."""
        self.versions: dict[Key, set[str]] = defaultdict(set)
        self.aliases: dict[Key, dict[str, str]] = defaultdict(dict)
        """By function: the version of each alias."""
        self.layers: dict[Key, set[int]] = defaultdict(set)

    def note(self, request: Request, status: int, answer: Mapping[str, Any]) -> None:
        """Notes what an answered request has changed."""
        if not 200 <= status < 300 or not request.operation:
            return
        match request.operation:
            case "CreateFunction" | "UpdateFunctionConfiguration" | "UpdateFunctionCode":
                self._configured(request, answer)
            case "PublishVersion":
                self.versions[request.region, answer["FunctionName"]].add(answer["Version"])
            case "DeleteFunction":
                self._deleted(request)
            case "CreateAlias" | "UpdateAlias":
                key = request.region, self._name(request)[0]
                self.aliases[key][answer["Name"]] = answer["FunctionVersion"]
            case "DeleteAlias":
                key = request.region, self._name(request)[0]
                self.aliases[key].pop(str(request.arguments["Name"]), None)
            case "PublishLayerVersion":
                name = answer["LayerArn"].rpartition(":")[2]
                self.layers[request.region, name].add(answer["Version"])
            case "DeleteLayerVersion":
                name = str(request.arguments["LayerName"]).rpartition(":")[2]
                self.layers[request.region, name].discard(int(request.arguments["VersionNumber"]))

    def _configured(self, request: Request, answer: Mapping[str, Any]) -> None:
        key = request.region, answer["FunctionName"]
        self.functions[key] = answer.get("Description", "")
        if answer["Version"] != "$LATEST":
            self.versions[key].add(answer["Version"])

    def _deleted(self, request: Request) -> None:
        name, qualifier = self._name(request)
        key = request.region, name
        qualifier = str(request.arguments.get("Qualifier") or qualifier or "")
        if qualifier:
            self.versions[key].discard(qualifier)
            return
        self.functions.pop(key, None)
        self.versions.pop(key, None)
        self.aliases.pop(key, None)

    def _name(self, request: Request) -> tuple[str, str | None]:
        found = _NAME.fullmatch(str(request.arguments["FunctionName"]))
        assert found is not None, request
        return found[1], found[2]

    def differences(self, api: ServedApi) -> Iterator[str]:
        """Yields where what is listed is not what answers have said."""
        for region in REGIONS:
            client = api.client("lambda", region=region)
            yield from self._of_functions(region, client)
            for name in sorted(name for of, name in self.functions if of == region):
                yield from self._of_one(region, name, client)

    def _of_functions(self, region: str, client: Any) -> Iterator[str]:
        pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
        listed = {f["FunctionName"]: f["Description"] for page in pages for f in page["Functions"]}
        noted = {name: text for (of, name), text in self.functions.items() if of == region}
        if listed != noted:
            yield f"functions of {region}: {listed} are listed, and {noted} were answered"

    def _of_one(self, region: str, name: str, client: Any) -> Iterator[str]:
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        listed = {version["Version"] for page in pages for version in page["Versions"]}
        noted = {"$LATEST", *self.versions[region, name]}
        if listed != noted:
            yield f"versions of {name} in {region}: {listed} are listed, {noted} were answered"
        found = client.list_aliases(FunctionName=name)["Aliases"]
        aliases = {alias["Name"]: alias["FunctionVersion"] for alias in found}
        if aliases != self.aliases[region, name]:
            yield f"aliases of {name} in {region}: {aliases}, noted {self.aliases[region, name]}"
