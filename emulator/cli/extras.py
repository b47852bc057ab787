"""Knows which extra of the package installs a module that only some commands need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXTRA_OF = {
    "PIL": "experiments",
    "gevent": "experiments",
    "locust": "experiments",
    "matplotlib": "experiments",
    "numpy": "experiments",
    "pyarrow": "experiments",
    "boto3": "aws",
    "botocore": "aws",
    "flask": "aws",
    "flask_cors": "aws",
    "moto": "aws",
}


def missing_extra(module: str, command: Sequence[str] = ()) -> str | None:
    """Returns the sentence that names the line to install, or None for a module of no extra."""
    extra = _EXTRA_OF.get(module.partition(".")[0])
    if extra is None:
        return None
    who = " ".join(("testbed", *command))
    return (
        f"`{who}` needs {module.partition('.')[0]}, which is not installed; install it with: "
        f"pip install 'serverless-testbed[{extra}]'"
    )
