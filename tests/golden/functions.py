"""Functions that end in every way that Lambda has words for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Function:
    name: str
    code: str
    handler: str = "app.handler"
    memory_mb: int = 128
    timeout: int = 50
    """Seconds; a machine whose page faults are slow takes 10 s for an init at 128 MB's share."""
    properties: Mapping[str, Any] = field(default_factory=dict)


def _body(body: str) -> str:
    return f"import os, sys, time\ndef handler(event, context):\n    {body}\n"


SAYS = Function("says", _body("print('hello'); return event"))
RAISES = Function("raises", _body("raise ValueError('no luck')"))
EXITS = Function("exits", _body("os._exit(event)"))
EATS = Function(
    "eats", _body("held = []\n    while True: held.append(bytearray(os.urandom(1 << 20)))")
)
SLEEPS = Function(
    "sleeps", _body("time.sleep(event); return os.getpid()"), memory_mb=1792, timeout=1
)
LARGE = Function("large", _body("return 'x' * event"), memory_mb=512)
SYNTAX = Function("syntax", "def handler(event, context)\n    return 1\n")
IMPORTS = Function("imports", "import no_such_module\ndef handler(event, context): pass\n")
LACKS = Function("lacks", _body("return 1"), handler="app.missing")
RAISES_IN_INIT = Function("raisesearly", "raise RuntimeError('not today')\n")
EXITS_IN_INIT = Function("exitsearly", "import os\nos._exit(5)\n")
SLOW_INIT = Function(
    "slowly",
    "import os, time\n"
    "if not os.path.exists('/tmp/second'):\n"
    "    open('/tmp/second', 'w').close()\n"
    "    time.sleep(60)\n"
    "def handler(event, context): return os.path.exists('/tmp/second')\n",
)
NEVER_READY = Function("never", "import time\ntime.sleep(60)\n", timeout=2)
REFUSED = Function("refused", _body("return 1"), properties={"ReservedConcurrentExecutions": 0})
JSON = Function(
    "json",
    _body("import logging; logging.getLogger().warning('watch out'); return 1"),
    properties={"LoggingConfig": "{LogFormat: JSON}"},
)
KEEPS = Function(
    "keeps",
    _body(
        "import pathlib; kept = pathlib.Path('/tmp/kept')\n"
        "    before = kept.exists(); kept.touch()\n"
        "    if event == 'leave': os._exit(1)\n"
        "    return before"
    ),
)

COMMON = (SAYS, RAISES, EXITS, EATS, SLEEPS, LARGE, SYNTAX, IMPORTS, LACKS, EXITS_IN_INIT, REFUSED)
MODERN = (*COMMON, RAISES_IN_INIT, SLOW_INIT, NEVER_READY, JSON, KEEPS)
