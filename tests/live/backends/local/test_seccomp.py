"""The filter's program, run by a small interpreter of its instructions."""

from __future__ import annotations

import errno
import struct

import pytest

from emulator.live.backends.local.seccomp import seccomp_filter

ALLOW = 0x7FFF0000
EPERM = 0x00050000 | errno.EPERM
ENOSYS = 0x00050000 | errno.ENOSYS
X86, ARM, I386 = 0xC000003E, 0xC00000B7, 0x40000003
NEW_USER, NEW_NET, THREAD = 0x10000000, 0x40000000, 0x00010000


def run(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """What the kernel would answer to a call; see "BPF engine" of linux/filter.h."""
    call = struct.pack("=IIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    instructions = list(struct.iter_unpack("=HBBI", program))
    word = at = 0
    while True:
        code, yes, no, operand = instructions[at]
        at += 1
        match code:
            case 0x20:
                (word,) = struct.unpack_from("=I", call, operand)
            case 0x15:
                at += yes if word == operand else no
            case 0x35:
                at += yes if word >= operand else no
            case 0x45:
                at += yes if word & operand else no
            case 0x06:
                return int(operand)
            case _:
                pytest.fail(f"no instruction of ours: {code:#x}")


@pytest.mark.parametrize(
    ("machine", "architecture", "number", "argument", "answer"),
    [
        ("x86_64", X86, 0, 0, ALLOW),
        ("x86_64", X86, 56, THREAD, ALLOW),
        ("x86_64", X86, 56, NEW_USER | THREAD, EPERM),
        ("x86_64", X86, 272, NEW_NET, ALLOW),
        ("x86_64", X86, 272, NEW_USER, EPERM),
        ("x86_64", X86, 435, 0, ENOSYS),
        ("x86_64", X86, 248, 0, EPERM),
        ("x86_64", X86, 249, 0, EPERM),
        ("x86_64", X86, 250, 0, EPERM),
        ("x86_64", X86, 0x40000000 | 250, 0, ENOSYS),
        ("x86_64", I386, 288, 0, ENOSYS),
        ("aarch64", ARM, 63, 0, ALLOW),
        ("aarch64", ARM, 220, NEW_USER, EPERM),
        ("aarch64", ARM, 220, THREAD, ALLOW),
        ("aarch64", ARM, 97, NEW_USER, EPERM),
        ("aarch64", ARM, 219, 0, EPERM),
        ("aarch64", X86, 63, 0, ENOSYS),
    ],
)
def test_call_is_answered(
    machine: str, architecture: int, number: int, argument: int, answer: int
) -> None:
    program = seccomp_filter(machine, "linux")
    assert run(program, architecture, number, argument) == answer


def test_other_machines_have_no_filter() -> None:
    assert seccomp_filter("riscv64", "linux") == b""
    assert seccomp_filter("x86_64", "darwin") == b""
