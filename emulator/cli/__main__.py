"""Runs the command line: `python -m emulator.cli` is `testbed`."""

from __future__ import annotations

import sys

from emulator.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
