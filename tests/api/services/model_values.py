"""Values of a service model's shapes: a smallest valid one, and any by Hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from emulator.api.services.patterns import matches

if TYPE_CHECKING:
    from emulator.api.services.limits import Limits
    from emulator.api.services.service_model import Shape

_ARN = "arn:aws:lambda:us-east-1:123456789012"
_EXAMPLES = (
    *(
        "a",
        "1",
        "a1",
        "abc",
        "$LATEST",
        "2026-01-01",
        "lambda:InvokeFunction",
        "lambda.amazonaws.com",
    ),
    *("123456789012", "o-abcdefghij", "https://a.example", "us-east-1", "/a", "app.handler", "a.b"),
    "12345678-1234-1234-1234-123456789012",
    f"{_ARN}:function:a",
    f"{_ARN}:function:a:1",
    f"{_ARN}:layer:a",
    f"{_ARN}:layer:a:1",
    f"{_ARN}:code-signing-config:csc-0123456789abcdef0",
    f"{_ARN}:event-source-mapping:12345678-1234-1234-1234-123456789012",
    f"{_ARN}:capacity-provider:a",
    "arn:aws:iam::123456789012:role/a",
    "arn:aws:sqs:us-east-1:123456789012:a",
    "arn:aws:kms:us-east-1:123456789012:key/a",
    "arn:aws:signer:us-east-1:123456789012:/signing-profiles/a/b1",
    "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0",
    "/mnt/a",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/a:b",
    f"arn:aws:lambda:us-east-1::runtime:{'0' * 64}",
    "lambda:GetLayerVersion",
    f"{_ARN}:function:a:1/durable-execution/a/b",
    "csc-0123456789abcdef0",
    "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
    *("sg-0", "subnet-0", "0" * 32, "0" * 64, "a" * 32, "AWS/Lambda"),
)
"""Texts of which each pattern of Lambda's takes one."""


_ASCII = st.characters(codec="ascii", exclude_categories=("Cc",))


def least(shape: Shape, limits: Limits) -> Any:  # noqa: PLR0911  # a kind a case
    """Returns a valid value with as few members as can be; None where none was found."""
    bounds = limits.of(shape)
    match shape.type_name:
        case "structure":
            members = {name: shape.members[name] for name in shape.required_members}
            return {name: least(member, limits) for name, member in members.items()}
        case "list":
            # an empty list in a query is none
            in_query = shape.serialization.get("location") == "querystring"
            return [least(shape.member, limits)] * int(bounds.least or in_query)
        case "map":
            values = _keys(shape.key, limits, int(bounds.least or 0))
            return {key: least(shape.value, limits) for key in values}
        case "boolean":
            return False
        case "integer" | "long":
            return int(bounds.least or 0)
        case "double" | "float":
            return float(bounds.least or 0)
        case "timestamp":
            return datetime(2026, 1, 1, tzinfo=UTC)
        case "blob":
            return b"a" * int(bounds.least or 1)
        case _:
            return least_text(shape, limits)


def _keys(shape: Shape, limits: Limits, count: int) -> list[str]:
    if limits.of(shape).enum:
        return list(limits.of(shape).enum[:count])
    return [f"{least_text(shape, limits)}{number or ''}" for number in range(count)]


def least_text(shape: Shape, limits: Limits) -> str | None:
    shortest, longest, enum = limits.of(shape)
    if enum:
        return enum[0]
    pattern = shape.metadata.get("pattern")
    for text in (*_EXAMPLES, "a" * int(shortest or 1)):
        if not (shortest or 0) <= len(text) <= (longest or 10_000):
            continue
        if pattern is None or matches(pattern, text):
            return text
    return None


def valid(  # noqa: PLR0911  # a kind a case
    shape: Shape, limits: Limits, depth: int = 0
) -> st.SearchStrategy[Any]:
    """Returns a strategy of valid values; deep structures have only what they must."""
    bounds = limits.of(shape)
    match shape.type_name:
        case "structure":
            if getattr(shape, "is_tagged_union", False):
                return st.one_of(
                    st.fixed_dictionaries({name: valid(member, limits, depth + 1)})
                    for name, member in shape.members.items()
                )
            required = set(shape.required_members)
            members = {
                n: valid(m, limits, depth + 1) for n, m in shape.members.items() if n in required
            }
            optional = {
                n: valid(m, limits, depth + 1)
                for n, m in shape.members.items()
                if n not in required and depth < 4
            }
            return st.fixed_dictionaries(members, optional=optional)
        case "list":
            low, high = int(bounds.least or 0), int(min(bounds.most or 3, 3))
            return st.lists(
                valid(shape.member, limits, depth + 1), min_size=low, max_size=max(low, high)
            )
        case "map":
            keys, values = (
                valid(shape.key, limits, depth + 1),
                valid(shape.value, limits, depth + 1),
            )
            return st.dictionaries(keys, values, max_size=int(min(bounds.most or 3, 3)))
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            low, high = int(bounds.least or 0), int(bounds.most or (1 << 31) - 1)
            return st.integers(low, max(low, high))
        case "double" | "float":
            return st.floats(bounds.least or 0.0, bounds.most or 1e9)
        case "timestamp":
            return st.integers(0, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
        case "blob":
            return st.binary(min_size=int(bounds.least or 1), max_size=64)
        case _:
            return valid_text(shape, limits)


def valid_text(shape: Shape, limits: Limits) -> st.SearchStrategy[str]:
    shortest, longest, enum = limits.of(shape)
    if enum:
        return st.sampled_from(enum)
    example = least_text(shape, limits)
    if (pattern := shape.metadata.get("pattern")) is not None:
        if example is not None:
            return st.just(example)
        return st.from_regex(pattern, fullmatch=True, alphabet=_ASCII).filter(
            lambda text: (shortest or 0) <= len(text) <= (longest or 1000)
        )
    low = int(shortest or 0)
    free = st.text(
        st.characters(exclude_categories=("Cs", "Cc")),
        min_size=low,
        max_size=max(low, int(min(longest or 20, 20))),
    )
    return free | st.just(example or "a")
