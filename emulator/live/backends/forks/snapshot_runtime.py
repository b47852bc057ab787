"""Keeps an initialized runtime as a snapshot, and restores forks of it in namespaces of their own.

This file is copied into every sandbox beside the bootstrap, and is imported by templates alone: the
process that went through init once, for all sandboxes of a published version. It imports the
standard library alone, and all of that before the snapshot.

A template waits for orders on a channel of the emulator's. An order carries two descriptors, a
control socket and a pipe for output, and where sandboxes have networks of their own two more: a
user namespace that the emulator made ahead of need, as this user, and a network in it. The template
forks. Its child at once gives up the channel,
makes namespaces of its own and says so on the control socket, by which the emulator learns its
process id and moves it into the cgroup of the new sandbox, or has it move itself where the kernel
makes less of that (cgroup v1). When that is done the child forks the
first process of its process namespace, which waits for the end of the runtime, and that forks the
runtime, which gives up every right and takes on the kernel filter of all functions. All this may
be done before a sandbox is wanted. When one is, the emulator sends its environment, over the
control socket: the template itself never has it, so no later fork finds it in its memory.

Sources: user_namespaces(7), pid_namespaces(7), mount_namespaces(7), seccomp(2), capabilities(7).
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import platform
import shutil
import signal
import socket
import stat
import struct
import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

_NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x08000000 | 0x04000000 | 0x20000000
"""CLONE_NEWUSER, NEWNS, NEWIPC, NEWUTS and NEWPID; the last is for the next fork."""
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_SUID_DEV_EXEC, _NO_SUID_DEV = 14, 6
_BIND, _REMOUNT_READ_ONLY = 4096, 33
_SET_DUMPABLE, _SET_SECCOMP, _DROP_BOUND, _NO_NEW_PRIVILEGES = 4, 22, 24, 38
"""Operations of prctl(2)."""
_SECCOMP_FILTER = 2
_CAPABILITY_VERSION = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}
_LAST_CAPABILITY = 63
_MOST = 1 << 18
"""Bytes of a message."""
FAILED_RESTORE = 125
"""Exit code of a fork that could not be made a sandbox, as of a shell whose command cannot run."""

_libc = ctypes.CDLL(None, use_errno=True)


class Template:
    """Speaks for a template at its end of the channel to the emulator."""

    def __init__(self, descriptor: int, filter_file: str) -> None:
        self._channel = socket.socket(fileno=descriptor)
        with open(filter_file, "rb") as file:  # noqa: PTH123  # pathlib would be one more import
            self._filter = file.read()
        self._user, self._group = os.geteuid(), os.getegid()
        self._pid = os.getpid()
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)  # it led to the emulator
        os.close(nothing)

    def begun(self) -> None:
        """Tells the emulator that the runtime is one that can be kept, before the init."""
        self._channel.sendall(json.dumps({"begun": True}).encode())

    def failed(self, description: dict[str, Any]) -> None:
        """Tells the emulator that the init failed."""
        self._channel.sendall(json.dumps({"failed": description}).encode()[:_MOST])

    def keep(self, log: int) -> dict[str, str]:
        """Offers the snapshot, and returns in each fork of it, with the sandbox's environment.

        `log` is a descriptor that leads to the log, beside the standard streams.

        The fork is in its own namespaces and without any right by then. A process of which no
        fork can be a sandbox of its own says why, and stays what it is.
        """
        self._channel.sendall(json.dumps({"ready": True, "shared": _shared_memory()}).encode())
        gc.collect()
        gc.freeze()  # else the next collection would write to every object, and so copy all memory
        heeded = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
        # whatever handlers the function has set run in the runtime alone
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            order = self._order()
            if order is None:
                os._exit(0)  # the emulator is gone, or needs this version no more
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # threads do not survive a fork: the guide says so
                child = os.fork()
            if child == 0:
                self._channel.close()
                control, output, *joined = order
                signal.signal(signal.SIGCHLD, signal.SIG_DFL if heeded is None else heeded)
                try:
                    environment = self._become_sandbox(
                        socket.socket(fileno=control), output, log, joined
                    )
                except OSError as error:
                    os.write(output, f"The snapshot cannot be restored: {error}\n".encode())
                    os._exit(FAILED_RESTORE)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                return environment
            for descriptor in order:
                os.close(descriptor)

    def _order(self) -> list[int] | None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._channel, 16, 4)
        except OSError:
            return None
        return list(descriptors) if message else None

    def _become_sandbox(
        self, control: socket.socket, output: int, log: int, joined: list[int]
    ) -> dict[str, str]:
        if joined:
            self._join(*joined)
        else:
            self.own_namespaces()
        control.sendall(b"here")  # the kernel adds the process id
        order = json.loads(_after_the_move(control) or b"null")
        if order is None:
            os._exit(0)  # the emulator has given it up
        for stream in (1, 2, log):
            os.dup2(output, stream)
        os.close(output)
        if os.fork():
            os._exit(0)
        _set_up_files(order["tmp_bytes"], order["hosts"])
        runtime = self._fork_of_another_id()
        if runtime:
            _wait_for(runtime, control)
        os.setsid()
        self.give_up_rights()
        _cut_connections(control)
        control.sendall(b"runs")
        # all until here is done before a sandbox is wanted; its environment is what makes it one
        environment: dict[str, str] | None = json.loads(control.recv(_MOST) or b"null")
        if environment is None:
            os._exit(0)  # the emulator has given it up
        control.close()
        _make_unique()
        return environment

    def _fork_of_another_id(self) -> int:
        """Forks, as `os.fork`, so that the child has not the process id that the template had.

        OpenSSL tells by the process id that it is in a fork, and so draws other numbers.
        """
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w") as last:  # noqa: PTH123
                last.write(str(self._pid))
        except OSError:
            pass  # a kernel without it
        while True:
            child = os.fork()
            if child == 0 and os.getpid() == self._pid:
                os._exit(0)
            if child != self._pid:
                return child
            os.waitpid(child, 0)

    def own_namespaces(self) -> None:
        """Leaves the template's namespaces, with the same single user."""
        _call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)  # else root owns the files below
        _call("unshare", _NEW_NAMESPACES)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{self._user} {self._user} 1"),
            ("gid_map", f"{self._group} {self._group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
                file.write(text)

    def _join(self, user: int, network: int) -> None:
        """Leaves the template's namespaces for a sandbox's, which the emulator has made.

        The user who made a user namespace has every right in it, coming from the one around it.
        """
        _call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)
        _call("setns", user, _NEW_USER)
        _call("setns", network, _NEW_NETWORK)
        _call("unshare", _NEW_NAMESPACES & ~_NEW_USER)
        os.close(user)
        os.close(network)

    def give_up_rights(self) -> None:
        """Gives up every capability, and takes on the kernel filter of all functions."""
        for capability in range(_LAST_CAPABILITY + 1):
            if _libc.prctl(_DROP_BOUND, capability, 0, 0, 0):
                break  # the kernel knows no more of them
        head = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
        _call("syscall", _CAPSET[platform.machine()], head, struct.pack("=6I", *[0] * 6))
        take_on(self._filter)


def take_on(kernel_filter: bytes) -> None:
    """Takes on a filter of system calls, and lets no program that is run have more rights."""
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    instructions = ctypes.create_string_buffer(kernel_filter, len(kernel_filter))
    program = struct.pack("@HP", len(kernel_filter) // 8, ctypes.addressof(instructions))
    _call("prctl", _SET_SECCOMP, _SECCOMP_FILTER, program, 0, 0)


def try_out(user: int) -> None:
    """Does as a fork does, as another user unless that is -1; ends with a fault where it cannot."""
    if user >= 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    with socket.socketpair()[0] as channel:
        template = Template(os.dup(channel.fileno()), f"{os.path.dirname(__file__)}/seccomp.bpf")  # noqa: PTH120
    template.own_namespaces()
    child = os.fork()
    if child == 0:
        try:
            _set_up_files(1 << 20, "127.0.0.1 localhost\n")
            template.give_up_rights()
        except OSError as error:
            os.write(2, str(error).encode())
            os._exit(1)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(1)


def _call(name: str, *arguments: object) -> None:
    # on 64-bit machines an integer without a type would be cut to 32 bits
    given = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    if getattr(_libc, name)(*given):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _after_the_move(control: socket.socket) -> bytes:
    """Moves itself into the sandbox's cgroup, if asked to, and returns the message after that.

    The emulator has opened the files that the move is written to, and looks at what came of it.
    """
    message, files, _, _ = socket.recv_fds(control, _MOST, 8)
    if not files:
        return message
    word = b"moved"
    for file in files:
        try:
            os.write(file, b"0")
        except OSError:
            word = b"stays"
        os.close(file)
    control.sendall(word)
    return control.recv(_MOST)


def _set_up_files(tmp_bytes: int, hosts: str) -> None:
    """Gives the sandbox its own /proc, and a /tmp with what the init has left there.

    `hosts` are the lines of an /etc/hosts of its own; empty: the template's.
    """
    _call("mount", None, b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
    _call("mount", b"proc", b"/proc", b"proc", _NO_SUID_DEV_EXEC, None)
    before = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)  # noqa: S108  # the sandbox's own
    options = f"size={tmp_bytes},mode=1777".encode()
    _call("mount", b"tmpfs", b"/tmp", b"tmpfs", _NO_SUID_DEV, options)
    if hosts:
        _name_hosts(hosts)
    if os.listdir(before):  # noqa: PTH208  # of a descriptor
        shutil.copytree(f"/proc/self/fd/{before}", "/tmp", symlinks=True, dirs_exist_ok=True)  # noqa: S108
    os.close(before)
    _reopen_files()


def _name_hosts(text: str) -> None:
    """Lays a file of the sandbox's own over /etc/hosts, which nobody can write."""
    own = "/tmp/.hosts"  # noqa: S108  # the sandbox's own, and empty
    with open(own, "w") as file:  # noqa: PTH123
        file.write(text)
    _call("mount", own.encode(), b"/etc/hosts", None, _BIND, None)
    _call("mount", None, b"/etc/hosts", None, _BIND | _REMOUNT_READ_ONLY | _NO_SUID_DEV, None)
    os.unlink(own)  # noqa: PTH108


def _descriptors() -> Iterator[tuple[int, int]]:
    """Yields each descriptor above the standard streams, and the mode of what it leads to."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # pathlib would be one more import
        try:
            descriptor = int(name)
            if descriptor > 2:  # noqa: PLR2004
                yield descriptor, os.fstat(descriptor).st_mode
        except OSError:
            continue  # it was the listing's own


def _reopen_files() -> None:
    """Gives the fork its own place in each open file, and its own copies of those in /tmp."""
    for descriptor, mode in _descriptors():
        if not stat.S_ISREG(mode):
            continue
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_ACCMODE | os.O_APPEND)
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        inherits = os.get_inheritable(descriptor)
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
            own = os.open(path, flags)
        except OSError:  # deleted, or without a name
            own = os.open("/dev/null", flags)
        os.lseek(own, at, os.SEEK_SET)
        os.dup2(own, descriptor, inheritable=inherits)
        os.close(own)


def _cut_connections(control: socket.socket) -> None:
    """Puts a closed connection in the place of each that the init has left open.

    A restored sandbox has no connection on Lambda either ("Handling network connections" in the
    guide), and two forks must not write to the same one.
    """
    dead, other = socket.socketpair()
    other.close()
    kept = (control.fileno(), dead.fileno())
    for descriptor, mode in _descriptors():
        if stat.S_ISSOCK(mode) and descriptor not in kept:
            os.dup2(dead.fileno(), descriptor, inheritable=os.get_inheritable(descriptor))
    dead.close()


def _make_unique() -> None:
    """Seeds anew what has drawn its seed before the snapshot; OpenSSL does so as well itself."""
    if (ssl := sys.modules.get("_ssl")) is not None:
        ssl.RAND_add(os.urandom(48), 48.0)
    if (random := sys.modules.get("random")) is not None:
        random.seed()
    if (numpy := sys.modules.get("numpy.random")) is not None:
        numpy.seed()
    if (tempfile := sys.modules.get("tempfile")) is not None:
        tempfile._name_sequence = None  # type: ignore[attr-defined]  # noqa: SLF001


def _wait_for(runtime: int, control: socket.socket) -> NoReturn:
    """Stays as the first process of the sandbox: takes in what ends, and ends with the runtime."""
    os.closerange(0, control.fileno())
    os.closerange(control.fileno() + 1, 1024)
    while True:
        try:
            ended, status = os.wait()
        except InterruptedError:
            continue
        if ended == runtime:
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            control.sendall(b"ended %d" % code)
            os._exit(min(code, 255))


def _shared_memory() -> str:
    """Returns the name of memory that all forks would write to in common; empty if none."""
    with open("/proc/self/maps") as maps:  # noqa: PTH123
        for line in maps:
            fields = line.split(None, 5)
            if fields[1][1] == "w" and fields[1][3] == "s":
                return fields[5].strip() if len(fields) > 5 else "anonymous"  # noqa: PLR2004
    return ""
