"""What the answers say that exists, kept beside the emulator and held against what it lists."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from emulator.api.services.service_model import load
from tests.api.services.fuzzing.requests import REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.api.services.conftest import ServedApi
    from tests.api.services.fuzzing.requests import Request

_NAME = re.compile(r"(?:.*?(\d{12}):)?(?:function:)?([A-Za-z0-9_-]+)(?::([A-Za-z0-9_$.-]+))?")
ACCOUNT = "123456789012"
Key = tuple[str, str, str]
"""Region, account and name."""


def _parts(region: str, function: str) -> tuple[Key, str]:
    """Returns whose function is meant, and the qualifier, in any form of a function's name."""
    found = _NAME.fullmatch(function)
    assert found is not None, function
    return (region, found[1] or ACCOUNT, found[2]), found[3] or ""


class Ledger:
    """Notes answers; `differences` tells what was lost, or came from nowhere."""

    def __init__(self) -> None:
        self.functions: dict[Key, str] = {}
        """Descriptions of $LATEST."""
        self.versions: dict[Key, set[str]] = defaultdict(set)
        self.aliases: dict[Key, dict[str, str]] = defaultdict(dict)
        """By function: the version of each alias."""

    def note(self, request: Request, status: int, answer: Mapping[str, Any]) -> None:
        """Notes what a request has changed, whatever it was meant to be."""
        path, _, query = request.path.partition("?")
        found = load("lambda").match(request.method, path, query)
        if not 200 <= status < 300 or found is None:
            return
        labels = found.labels
        match found.operation.name:
            case "CreateFunction" | "UpdateFunctionConfiguration" | "UpdateFunctionCode":
                self._configured(request.region, answer)
            case "PublishVersion":
                key = _parts(request.region, answer["FunctionArn"])[0]
                self.versions[key].add(answer["Version"])
            case "DeleteFunction":
                qualifiers = parse_qs(query).get("Qualifier", [""])
                self._deleted(request.region, labels["FunctionName"], qualifiers[0])
            case "CreateAlias" | "UpdateAlias":
                key = _parts(request.region, labels["FunctionName"])[0]
                self.aliases[key][answer["Name"]] = answer["FunctionVersion"]
            case "DeleteAlias":
                key = _parts(request.region, labels["FunctionName"])[0]
                self.aliases[key].pop(labels["Name"], None)

    def _configured(self, region: str, answer: Mapping[str, Any]) -> None:
        key = _parts(region, answer["FunctionArn"])[0]
        if answer["Version"] == "$LATEST":
            self.functions[key] = answer.get("Description", "")
        else:
            self.functions.setdefault(key, answer.get("Description", ""))
            self.versions[key].add(answer["Version"])

    def _deleted(self, region: str, function: str, stated: str) -> None:
        key, qualifier = _parts(region, function)
        if stated or qualifier:
            self.versions[key].discard(stated or qualifier)
            return
        self.functions.pop(key, None)
        self.versions.pop(key, None)
        self.aliases.pop(key, None)

    def differences(self, api: ServedApi) -> Iterator[str]:
        """Yields where what is listed is not what answers have said."""
        for region in REGIONS:
            client = api.client("lambda", region=region)
            yield from self._of_functions(region, client)
            for key in sorted(self.functions):
                if key[:2] == (region, ACCOUNT):
                    yield from self._of_one(key, client)

    def _of_functions(self, region: str, client: Any) -> Iterator[str]:
        pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
        listed = {f["FunctionName"]: f["Description"] for page in pages for f in page["Functions"]}
        noted = {k[2]: text for k, text in self.functions.items() if k[:2] == (region, ACCOUNT)}
        if listed != noted:
            yield f"functions of {region}: {listed} are listed, and {noted} were answered"

    def _of_one(self, key: Key, client: Any) -> Iterator[str]:
        name = key[2]
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        listed = {version["Version"] for page in pages for version in page["Versions"]}
        noted = {"$LATEST", *self.versions[key]}
        if listed != noted:
            yield f"versions of {key}: {listed} are listed, {noted} were answered"
        found = client.list_aliases(FunctionName=name)["Aliases"]
        aliases = {alias["Name"]: alias["FunctionVersion"] for alias in found}
        if aliases != self.aliases[key]:
            yield f"aliases of {key}: {aliases} are listed, {self.aliases[key]} were answered"
