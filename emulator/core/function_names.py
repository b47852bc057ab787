"""Reads the forms in which a function, a version or an alias is named, and writes its ARN. Pure.

Source: the API reference ("FunctionName: name, ARN or partial ARN; you can append a version number
or alias to any of the formats") and botocore's pattern of FunctionName. What a name leads to is the
catalogue's matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulator.core.version_key import LATEST, VersionKey

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
PARTITION = "aws"

_FORMS = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:)?"
    r"(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_LONGEST_NAME = 64
_REGION = 3
"""Place of the region in an ARN."""
_ACCOUNT_DIGITS = 12


def account_of(access_key: str | None, otherwise: str) -> str:
    """Returns the account whose access key this is.

    A key of twelve digits is the id of its account: the convention of emulators, by which tests
    have accounts side by side. Every other key is of the account `otherwise`.
    """
    if access_key is not None and len(access_key) == _ACCOUNT_DIGITS and access_key.isdecimal():
        return access_key
    return otherwise


class NameFault(ValueError):  # noqa: N818  # AWS's sentence, which callers turn into their error
    """Tells, in AWS's words, why no function can have the name."""


class OtherRegionFault(NameFault):
    """Tells that a whole ARN names a region other than the one that was asked."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Names an account in a region: names of functions are unique within."""

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION

    def arn(self, service: str, resource: str) -> str:
        """Returns the ARN of something that lives here, such as `function:echo` of `lambda`."""
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class FunctionName:
    """Names one function among those of all accounts and regions."""

    scope: Scope
    name: str

    def arn(self, qualifier: str = "") -> str:
        """Returns the ARN, qualified where a version or alias is given."""
        arn = self.scope.arn("lambda", f"function:{self.name}")
        return f"{arn}:{qualifier}" if qualifier else arn

    def key(self, version: str, home: Scope) -> VersionKey:
        """Returns a version's name for the scheduler and in a journal.

        Functions of the emulator's own account and region (`home`) have their plain names there,
        others have `account/region/` before.
        """
        return VersionKey.of(f"{prefix(self.scope, home)}{self.name}", version)


@dataclass(frozen=True, slots=True)
class Reference:
    """Holds a function's name as a caller gave it."""

    function: FunctionName
    qualifier: str = ""
    """Version or alias; empty where none was named, which means $LATEST."""

    @property
    def arn(self) -> str:
        return self.function.arn(self.qualifier)


def prefix(scope: Scope, home: Scope) -> str:
    """Returns what stands before a function's name in the names of its versions' keys."""
    return "" if scope == home else f"{scope.account}/{scope.region}/"


def owner(scheduled: str, home: Scope) -> tuple[Scope, str]:
    """Returns the account and region of a function's scheduled name, and the plain name."""
    prefixed, _, name = scheduled.rpartition("/")
    account, _, region = prefixed.partition("/")
    return Scope(account, region) if prefixed else home, name


def refer(text: str, qualifier: str | None, asked: Scope) -> Reference:
    """Reads a name in any form; what the name leaves out is that of the scope that was `asked`.

    Raises:
        OtherRegionFault: the name is an ARN of another region.
        NameFault: the name has no form that a name can have, or another qualifier than `qualifier`.
    """
    found = _FORMS.fullmatch(text)
    if found is None or len(found["name"]) > _LONGEST_NAME:
        raise NameFault(
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {_FORMS.pattern}"
        )
    region = found["region"] or asked.region
    if region != asked.region:
        raise OtherRegionFault(
            f"Functions from '{region}' are not reachable in this region ('{asked.region}')"
        )
    named = found["qualifier"]
    if named and qualifier and named != qualifier:
        raise NameFault(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    scope = Scope(found["account"] or asked.account, region)
    return Reference(FunctionName(scope, found["name"]), qualifier or named or "")


def named_by_arn(arn: str) -> Reference:
    """Returns the function, version or alias of a whole ARN, of whatever account and region.

    Raises:
        NameFault: it is no such ARN.
    """
    parts = arn.split(":", _REGION + 1)
    region = parts[_REGION] if len(parts) > _REGION else ""
    found = refer(arn, None, Scope("", region))
    if not found.function.scope.account:
        raise NameFault(f"{arn} is not the ARN of a function")
    return found


def is_version(qualifier: str) -> bool:
    """Returns whether a qualifier names a version, not an alias: `$LATEST`, or a number."""
    return qualifier == LATEST or qualifier.isdecimal()
