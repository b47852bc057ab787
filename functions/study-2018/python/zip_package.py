"""Makes the Python function's zip as the year had to: stripped to what Lambda took unzipped.

    python zip_package.py function.zip --python python3.6

TensorFlow 1.10 and what it needs are 340 MB unpacked, and Lambda took 250. What a prediction never
touches is left out (headers, `contrib`, tests, TensorBoard), as is what Lambda's runtime had itself
(boto3), and symbols are stripped from the libraries (binutils). The size is told; a package over
the limit is refused in Lambda's words.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNZIPPED_LIMIT = 262_144_000
"""The most bytes of a zip function, unzipped. Source: Lambda quotas, developer guide."""
_RUNTIME_HAS = ("boto3", "botocore", "docutils", "jmespath", "python-dateutil", "s3transfer")
_NOT_TO_PREDICT = ("tensorboard", "markdown", "werkzeug")
_LEFT_OUT = ("tensorflow/include", "tensorflow/contrib", "tensorboard", "bin")
_INSTALLED_WITHIN = 900.0
_STRIPPED_WITHIN = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the Python function's zip of 2018.")
    parser.add_argument("zip", type=Path, help="file to write")
    parser.add_argument("--python", default="python3.6", help="interpreter that installs")
    parser.add_argument("--whole", action="store_true", help="strip nothing, to see the refusal")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        install(chosen.python, folder)
        print(f"installed: {size(folder):,} bytes unzipped")
        if not chosen.whole:
            strip(folder)
            print(f"stripped: {size(folder):,} bytes unzipped")
        if size(folder) >= UNZIPPED_LIMIT:
            print(f"Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes", file=sys.stderr)
            return 1
        pack(folder, chosen.zip)
    print(f"{chosen.zip}: {chosen.zip.stat().st_size:,} bytes zipped")
    return 0


def install(python: str, folder: Path) -> None:
    """Installs the function and its requirements, without those that Lambda's runtime had."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").split()
    wanted = [
        line
        for line in lines
        if line.partition("==")[0].lower() not in (*_RUNTIME_HAS, *_NOT_TO_PREDICT)
    ]
    command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    subprocess.run(
        [*command, "--target", str(folder), *wanted], check=True, timeout=_INSTALLED_WITHIN
    )
    shutil.copy(HERE / "app.py", folder)


def strip(folder: Path) -> None:
    """Takes out what no prediction needs, and the symbols of the libraries."""
    unneeded = [folder / name for name in _LEFT_OUT]
    unneeded += [path for path in folder.rglob("tests") if path.is_dir()]
    for path in unneeded:
        shutil.rmtree(path, ignore_errors=True)
    libraries = [str(path) for path in folder.rglob("*.so*") if path.is_file()]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True, timeout=_STRIPPED_WITHIN)


def size(folder: Path) -> int:
    """Returns the bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def pack(folder: Path, to: Path) -> None:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                package.write(path, path.relative_to(folder))


if __name__ == "__main__":
    sys.exit(main())
