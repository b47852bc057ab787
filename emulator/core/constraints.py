"""The one sentence in which AWS's validation refuses a value."""

from __future__ import annotations


def constraint(value: object, member: str, rule: str) -> str:
    """`member` as the service model names it, `rule` what "Member must" goes on with."""
    return (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must {rule}"
    )


def too_long(value: str, member: str, most: int) -> list[str]:
    """A fault where a text has more than `most` characters."""
    if len(value) <= most:
        return []
    return [constraint(value, member, f"have length less than or equal to {most}")]
