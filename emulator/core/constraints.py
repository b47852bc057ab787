"""Writes the sentence in which AWS's validation refuses a value; knows none of the rules."""

from __future__ import annotations


def constraint(value: object, member: str, rule: str) -> str:
    """Returns the refusal of a value.

    `member` is the name in the service model, `rule` the words that follow "Member must".
    """
    return (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must {rule}"
    )


def too_long(value: str, member: str, most: int) -> list[str]:
    """Returns the refusal of a text that has more than `most` characters; else nothing."""
    if len(value) <= most:
        return []
    return [constraint(value, member, f"have length less than or equal to {most}")]
