"""Counts in a trace header how often a function was invoked in one chain of events.

AWS's SDKs send the header of the invocation that they run in with each call (`X-Amzn-Trace-Id`),
and SQS and SNS keep it with a message, so that a function that is invoked by what it did itself
sees its own count. Form: `Lineage=<generation>:<function's hash>:<count>`, more functions after a
`|`. Sources: the X-Ray developer guide, "Tracing header" (Lineage is "appended by Lambda", trust
M for what stands in it); the developer guide, "Lambda recursive loop detection".
"""

from __future__ import annotations

from functools import lru_cache

_FIELD = "Lineage="
_GENERATION = "1"
_BETWEEN, _QUOTED = "|", "%7C"
_OFFSET, _PRIME, _BITS = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
_COUNTED = 2
"""Parts of an entry with its count, without the generation."""


class EndlessChainError(Exception):
    """Reports that a function was invoked too often in one chain of events."""


def continued(trace: str, function_arn: str, most: int) -> str:
    """Returns a trace that counts one more invocation of a function; `most` 0 counts none.

    Raises:
        EndlessChainError: the chain has `most` invocations of the function already.
    """
    if not most:
        return trace
    if _FIELD not in trace:  # nearly always
        return f"{trace};{_first(function_arn)}" if trace else _first(function_arn)
    fields = trace.replace(_QUOTED, _BETWEEN).split(";")
    place = next(at for at, field in enumerate(fields) if field.startswith(_FIELD))
    fields[place] = _counted(fields[place], function_hash(function_arn), most)
    return ";".join(fields)


@lru_cache(maxsize=4096)
def _first(function_arn: str) -> str:
    return f"{_FIELD}{_GENERATION}:{function_hash(function_arn)}:0"


def _counted(field: str, own: str, most: int) -> str:
    entries = dict(_entries(field))
    count = entries.get(own, -1) + 1
    if count >= most:
        raise EndlessChainError
    entries[own] = count
    listed = _BETWEEN.join(f"{name}:{number}" for name, number in entries.items())
    return f"{_FIELD}{_GENERATION}:{listed}"


def _entries(field: str) -> list[tuple[str, int]]:
    """Returns hashes and counts; what is malformed, as a client may send, is left out."""
    found = []
    for entry in field.removeprefix(_FIELD).split(_BETWEEN):
        parts = entry.split(":")[-_COUNTED:]
        if len(parts) == _COUNTED and parts[1].isascii() and parts[1].isdigit():
            found.append((parts[0], int(parts[1][:9])))
    return found


@lru_cache(maxsize=4096)
def function_hash(function_arn: str) -> str:
    """Returns eight hexadecimal digits for a function (FNV-1a), whichever version is asked for."""
    value = _OFFSET
    for byte in ":".join(function_arn.split(":")[:7]).encode():
        value = ((value ^ byte) * _PRIME) & _BITS
    return f"{value:08x}"
