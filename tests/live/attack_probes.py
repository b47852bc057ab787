"""What a function does to try its limits, as source that its own code begins with."""

PROBES = """
import ctypes, errno

libc = ctypes.CDLL(None, use_errno=True)

def call(function, *arguments):
    ctypes.set_errno(0)
    return errno.errorcode.get(ctypes.get_errno(), "?") if function(*arguments) < 0 else "done"

def text(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError:
        return b""

def memory(pid, wanted):
    "Counts the copies of bytes in what a process may write to."
    found = 0
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for line in maps:
                begin, end = (int(n, 16) for n in line.split()[0].split("-"))
                if "rw" in line.split()[1]:
                    mem.seek(begin)
                    try:
                        found += mem.read(end - begin).count(wanted)
                    except OSError:
                        pass
    except OSError as error:
        return errno.errorcode[error.errno]
    return found
"""
