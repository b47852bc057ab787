"""Starts the unmodified awslambdaric with AWS's module search path."""  # noqa: INP001  # a script

import os
import site
import sys

from awslambdaric.__main__ import main  # before the path changes, as the runtime's own copy

LAYERS = ["/opt/python/lib/python3.13/site-packages", "/opt/python"]


def extend_path(task_root: str) -> None:
    """The function first, then its layers, unless PYTHONPATH was set; .pth files count."""
    layers = [] if "PYTHONPATH" in os.environ else LAYERS
    sys.path[:0] = [task_root, *layers]
    for folder in [task_root, *layers]:
        site.addsitedir(folder)  # one that is not there counts as empty
    os.environ.setdefault("PYTHONPATH", os.environ["LAMBDA_RUNTIME_DIR"])


extend_path(os.environ["LAMBDA_TASK_ROOT"])
main([sys.argv[0], os.environ["_HANDLER"]])
