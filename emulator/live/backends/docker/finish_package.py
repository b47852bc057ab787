# checks the package's size and compiles it
"""Runs in the build of a Python function's image, when its files are all in place.

Arguments: the most bytes that a package may have, and what to say before them where it has more.
"""

import compileall
import os
import py_compile
import sys
from pathlib import Path

FOLDERS = ("/var/task", "/opt")


def main(limit: int, refusal: str) -> None:
    """Refuses a package of more than `limit` bytes, and compiles the Python modules of others."""
    size = sum(
        Path(folder, name).lstat().st_size
        for top in FOLDERS
        for folder, _, names in os.walk(top)
        for name in names
    )
    if size >= limit:
        sys.exit(f"{refusal} {limit} bytes (it is {size} with its layers and requirements)")
    for folder in FOLDERS:
        # a start does not check such files against their source, and reads one file a module
        compileall.compile_dir(
            folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
