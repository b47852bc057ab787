"""What the start of an emulator need not wait for."""

from __future__ import annotations

import subprocess
import sys


def test_clients_of_other_services_are_not_imported_before_they_are_needed() -> None:
    asked = "import sys, emulator.up.serve; print(*{'httpx', 'rich'} & set(sys.modules))"
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=300, check=True
    )
    assert told.stdout.split() == []
