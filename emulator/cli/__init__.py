"""Owns the `testbed` command: reads its arguments, asks the room that does the work, and prints.

Nothing is measured, served or decided here. A command imports the rooms that it needs when it runs,
so that `testbed --help` and `testbed invoke` start at once and need no extra.
"""

from __future__ import annotations

from emulator.cli.entry import main

__all__ = ["main"]
