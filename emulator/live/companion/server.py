"""Serves moto on a free port of 127.0.0.1 while standard input lasts: the companion's process.

The first line of the input is a secret, and `closed` after it where nobody may ask but who knows
the secret. The program prints its port on one line. It is run as a file and not as a module of this
package, since a folder of ours in front of the module path would hide others' modules (docker,
process).
"""

import hmac
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

DOOR_HEADER = "HTTP_X_TESTBED_COMPANION"
INTERNAL_HEADER = "HTTP_X_TESTBED_INTERNAL"
KEEPS_HEADER = "HTTP_X_TESTBED_KEEPS"
"""Header of a request that may change users, roles or what they may do."""
_OPEN_TO_ALL = ("/moto-api", "/latest/meta-data/", "/latest/api/")
"""Paths at which moto itself tells, and changes, everything."""

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Identities(Protocol):
    """Keeps users and roles where the companion's end does not reach them."""

    def keep(self) -> None:
        """Returns when what has changed is on the disk."""

    def make_way(self, account: str, member: str, name: str) -> None:
        """Forgets a thing of an earlier run's stack."""


class Stacks:
    """Connects CloudFormation with the emulator at the first request for it, as that takes 3 s."""

    def __init__(
        self, secret: str, identities: Identities | None = None, *, strict: bool = False
    ) -> None:
        """Takes what keeps users and roles; `strict` asks for the rights of a stack's caller."""
        self._secret = secret
        self._identities = identities
        self._strict = strict
        self._lock = threading.Lock()
        self._is_connected = False

    def prepare(self, environ: dict[str, Any]) -> str:
        """Returns a sentence that refuses a request; empty where the request can be served."""
        url = os.environ.get("TESTBED_GATEWAY")
        if url is None or "/cloudformation/" not in environ.get("HTTP_AUTHORIZATION", ""):
            return ""
        if refusal := self._connect(url):
            return refusal
        from emulator.live.companion.acting import acts_for  # noqa: PLC0415

        acts_for(environ["HTTP_AUTHORIZATION"])
        return ""

    def _connect(self, url: str) -> str:
        with self._lock:
            if self._is_connected:
                return ""
            os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # SAM's translator wants one
            try:
                from emulator.live.companion.stacks import connect_stacks  # noqa: PLC0415

                connect_stacks(url, self._secret, self._identities, strict=self._strict)
            except ImportError as error:
                return (
                    f"CloudFormation needs {error.name}: pip install "
                    "'serverless-testbed[cloudformation]'"
                )
            self._is_connected = True
        return ""


class Door:
    """Lets requests through to moto, and answers the emulator's own ones."""

    def __init__(
        self,
        moto: App,
        secret: str,
        *,
        closed: bool,
        stacks: Stacks | None = None,
        identities: Identities | None = None,
    ) -> None:
        self._moto = moto
        self._identities = identities
        self._stacks = stacks or Stacks(secret, identities, strict=closed)
        self._secret = secret
        self._closed = closed

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if INTERNAL_HEADER in environ:
            return self._internal(path, environ, start_response)
        if self._closed and (
            path.startswith(_OPEN_TO_ALL) or not self._knows(environ.get(DOOR_HEADER, ""))
        ):
            return _answer(start_response, "403 Forbidden", {"message": "Forbidden"})
        if refusal := self._stacks.prepare(environ):
            return _answer(start_response, "501 Not Implemented", {"message": refusal})
        answer = self._moto(environ, start_response)
        if self._identities is not None and KEEPS_HEADER in environ:
            self._identities.keep()  # no byte of the answer is on its way yet
        return answer

    def _internal(self, path: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        from emulator.live.companion.identities import add_session, identities  # noqa: PLC0415

        if not self._knows(environ[INTERNAL_HEADER]):
            return _answer(start_response, "403 Forbidden", {"message": "Forbidden"})
        if path == "/identities":
            return _answer(start_response, "200 OK", identities())
        size = int(environ.get("CONTENT_LENGTH") or 0)
        add_session(json.loads(environ["wsgi.input"].read(size)))
        return _answer(start_response, "200 OK", {})

    def _knows(self, stated: str) -> bool:
        return hmac.compare_digest(stated.encode("latin-1"), self._secret.encode())


def _answer(start_response: Any, status: str, value: Any) -> Iterable[bytes]:
    body = json.dumps(value).encode()
    length = str(len(body))
    start_response(status, [("content-type", "application/json"), ("content-length", length)])
    return [body]


def connect_functions(secret: str) -> None:
    """Has moto invoke functions of the emulator at TESTBED_GATEWAY, where one is named."""
    url = os.environ.get("TESTBED_GATEWAY")
    if url is None:
        return
    from emulator.live.companion.functions import connect  # noqa: PLC0415
    from emulator.live.companion.gateway import Gateway  # noqa: PLC0415
    from emulator.live.companion.timetable import ScheduledEvents  # noqa: PLC0415

    gateway = Gateway(url, secret)
    deliver = connect(gateway)
    ScheduledEvents(gateway, deliver, float(os.environ.get("TESTBED_SPEEDUP", "1"))).start()


def kept_identities() -> Identities | None:
    """Returns what an earlier companion has left in the file TESTBED_IDENTITIES, known again."""
    path = os.environ.get("TESTBED_IDENTITIES")
    if path is None:
        return None
    from emulator.live.companion.kept_identities import KeptIdentities, StateError  # noqa: PLC0415

    identities = KeptIdentities(Path(path))
    try:
        identities.load()
    except StateError as error:
        sys.exit(str(error))
    return identities


def main() -> None:
    secret, _, mode = sys.stdin.buffer.readline().decode().strip().partition(" ")
    # behind all others, for an emulator that is run out of its checkout
    sys.path.append(str(Path(__file__).parents[3]))
    # before moto is imported: roles are mostly given AWS's own policies
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for every request
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    identities = kept_identities()
    connect_functions(secret)
    server.start()
    # nobody knows the port yet
    inner: Any = server._server  # noqa: SLF001  # moto builds its app where it serves
    inner.app = Door(inner.app, secret, closed=mode == "closed", identities=identities)
    port = server.get_host_and_port()[1]
    print(port, flush=True)
    # nobody reads what moto prints from here on
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdin.buffer.read()
    os._exit(0)  # it holds nothing that must be saved, and a thread of it may hang in a request


if __name__ == "__main__":
    main()
