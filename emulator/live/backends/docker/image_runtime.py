"""Makes the runtime of an image, AWS's own awslambdaric, one that can be kept and forked.

This file is `sitecustomize` in a template, beside snapshot_runtime.py, so that the image's own
entry point runs as ever. When awslambdaric waits for its restore, between the hooks before the
snapshot and those after, the template is kept; each fork of it goes on from there. An interpreter
that never imports awslambdaric never says so, and is no template.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_CHANNEL = "_TESTBED_SNAPSHOT"
_MODULE = "awslambdaric.lambda_runtime_client"


class _Finder:
    """Changes awslambdaric's client when that is imported, and is gone."""

    def __init__(self, channel: int, filter_file: str) -> None:
        self._channel = channel
        self._filter_file = filter_file

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _MODULE:
            return None
        from importlib.machinery import PathFinder  # noqa: PLC0415  # not for every interpreter

        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def changed(module: ModuleType) -> None:
                execute(module)
                _keep_when_it_waits(module.LambdaRuntimeClient, self._channel, self._filter_file)

            spec.loader.exec_module = changed  # type: ignore[method-assign]
        return spec


def _keep_when_it_waits(client: Any, channel: int, filter_file: str) -> None:
    import http.client  # noqa: PLC0415  # awslambdaric would, in each fork

    import snapshot_runtime  # type: ignore[import-not-found]  # noqa: PLC0415

    template = snapshot_runtime.Template(channel, filter_file)
    template.begun()
    restore: Callable[[Any], None] = client.restore_next

    def restore_next(self: Any) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.environ.update(template.keep(1))
        restore(self)

    def post_init_error(_: Any, description: dict[str, Any], *_others: Any) -> None:
        template.failed(description)

    client.restore_next = restore_next
    client.post_init_error = post_init_error
    assert http.client


def _begin() -> None:
    folder = os.path.dirname(__file__)  # noqa: PTH120  # pathlib would be one more import
    channel, _, before = os.environ.pop(_CHANNEL).partition(":")
    if before:
        os.environ["PYTHONPATH"] = before
    else:
        os.environ.pop("PYTHONPATH", None)
    import snapshot_runtime  # noqa: F401, PLC0415

    sys.path[:] = [place for place in sys.path if place != folder]
    sys.meta_path.insert(0, _Finder(int(channel), f"{folder}/seccomp.bpf"))
    del sys.modules["sitecustomize"]
    try:  # noqa: SIM105  # contextlib would be one more import
        __import__("sitecustomize")  # the image's own, if there is one
    except ImportError:
        pass


if _CHANNEL in os.environ:
    _begin()
