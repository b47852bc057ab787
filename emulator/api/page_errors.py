"""Describes the errors of the testbed's own pages, which are JSON even where a page is not."""

from __future__ import annotations

from typing import Any

Described = dict[int | str, dict[str, Any]]
"""Answers beside the usual one, as FastAPI takes them."""


def refused(status: int, description: str) -> Described:
    """Returns the description of an error's answer."""
    schema = {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    }
    content = {"application/json": {"schema": schema}}
    return {status: {"description": description, "content": content}}
