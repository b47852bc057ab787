"""Serves moto on a free port of 127.0.0.1 while standard input lasts: the companion's process.

The program prints its port on one line. It is run as a file and not as a module of this package,
since a folder of ours in front of the module path would hide others' modules (docker, process).
"""

import logging
import os
import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for every request
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    print(port, flush=True)
    # nobody reads what moto prints from here on
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdin.buffer.read()
    os._exit(0)  # it holds nothing that must be saved, and a thread of it may hang in a request


if __name__ == "__main__":
    main()
