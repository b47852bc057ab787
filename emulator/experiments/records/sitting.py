"""Defines a study's sittings: the times without a break in which its cells were run.

Owns the facts of one sitting alone: study_file.py notes them, the report tells them.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # study_content.py's reader asks for the type
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """Holds what tells the code of one sitting from that of another."""

    digest: str = ""
    """Hash of the sources that take part in a measurement; empty where it is not known."""
    commit: str = ""
    """Commit of the checkout, for a reader; empty outside of one."""

    def __str__(self) -> str:
        """Writes commit and digest, or that neither is known."""
        if not self.digest:
            return "unknown code"
        return f"code {self.digest}" + (f" at commit {self.commit}" if self.commit else "")


@dataclass(frozen=True, slots=True)
class Sitting:
    """Holds when, where and with which code a sitting's cells were run."""

    started_at: float
    """Seconds since the epoch."""
    code: CodeVersion = field(default_factory=CodeVersion)
    machine: Mapping[str, Any] = field(default_factory=dict)
    """The machine as the first cell's emulator found it, with the load then; empty before."""
    versions: Mapping[str, Any] = field(default_factory=dict)
