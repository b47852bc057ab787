"""Makes the kernel filter that takes from functions what Lambda does not give them.

Refused are new user namespaces, in which a function would have capabilities, the kernel's keyrings,
which no namespace separates, and what leads deep into the kernel and no function needs: bpf,
performance events, faults handled in user space, io_uring, entering namespaces. The errors are
those of Docker's default profile: EPERM, and ENOSYS for clone3, whose flags a filter cannot see
and for which every libc falls back to clone. Sources: seccomp(2); the kernel's asm/unistd.h and
linux/filter.h; Moby's default.json.
"""

from __future__ import annotations

import errno
import platform
import struct
import sys
from dataclasses import dataclass

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF instructions: load a word of the call; compare it with a constant; end."""
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data; both machines are little-endian."""
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_CLONE_NEWUSER = 0x10000000
_X32 = 0x40000000
"""The bit of the x32 calls of x86-64, which have the same architecture."""


@dataclass(frozen=True, slots=True)
class _Machine:
    audit: int
    clone: int
    unshare: int
    clone3: int
    refused: tuple[int, ...]
    """Numbers of add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd and setns."""


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 56, 272, 435, (248, 249, 250, 321, 298, 323, 308)),
    "aarch64": _Machine(0xC00000B7, 220, 97, 435, (217, 218, 219, 280, 241, 282, 268)),
}
_IO_URING = (425, 426, 427)
"""Numbers of io_uring_setup, io_uring_enter and io_uring_register, on every machine."""


def seccomp_filter(
    machine: str = platform.machine(), system: str = sys.platform, *, namespaces: bool = False
) -> bytes:
    """Returns the program for `bwrap --seccomp`; empty for machines that it is not written for.

    With `namespaces` new user namespaces are allowed, and joining one whose descriptor a process
    was given: a template's forks do so.
    """
    numbers = _MACHINES.get(machine)
    if numbers is None or system != "linux":
        return b""
    refused = _ERRNO | errno.EPERM
    unknown = _ERRNO | errno.ENOSYS
    return b"".join(
        (
            _do(_LOAD, _ARCHITECTURE),
            *_unless(numbers.audit, unknown),
            _do(_LOAD, _NUMBER),
            *_if(_JUMP_AT_LEAST, _X32, unknown),
            *_if(_JUMP_EQUAL, numbers.clone3, unknown),
            *(
                word
                for call in (*numbers.refused[: -1 if namespaces else None], *_IO_URING)
                for word in _if(_JUMP_EQUAL, call, refused)
            ),
            *(() if namespaces else _no_user_namespaces(numbers, refused)),
            _do(_RETURN, _ALLOW),
        )
    )


def _no_user_namespaces(numbers: _Machine, refused: int) -> tuple[bytes, ...]:
    return (
        _do(_JUMP_EQUAL, numbers.clone, yes=2),
        _do(_JUMP_EQUAL, numbers.unshare, yes=1),
        _do(_RETURN, _ALLOW),
        _do(_LOAD, _FIRST_ARGUMENT),
        *_if(_JUMP_ANY_BIT, _CLONE_NEWUSER, refused),
    )


def _if(jump: int, value: int, answer: int) -> tuple[bytes, bytes]:
    return _do(jump, value, no=1), _do(_RETURN, answer)


def _unless(value: int, answer: int) -> tuple[bytes, bytes]:
    return _do(_JUMP_EQUAL, value, yes=1), _do(_RETURN, answer)


def _do(code: int, operand: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Encodes one instruction; `yes` and `no` are how many a jump skips."""
    return struct.pack("=HBBI", code, yes, no, operand)
