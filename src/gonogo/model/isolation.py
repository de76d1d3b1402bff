"""What a process gives up before it touches a stranger's model.

Only ever less: nothing here can be taken back, by this process or by what takes it over. In force, as far as the kernel has it:

    network namespace   the process sees no interface but a loopback that is down; sockets it already holds go on working
    seccomp             no new sockets, no new processes or programs, no signals to others, none of the calls that reach into other
                        processes or round a filter (ptrace, io_uring, bpf, setns, …)
    read-only files     writing, creating and deleting only below the folders named (Landlock)

The network must be cut by at least one of the first two; otherwise `enter_isolation` raises, unless the caller accepts less. The words
it returns name what is in force, and go into the evidence.

Sources: unshare(2), seccomp(2), landlock(7) of Linux man-pages; system call tables of Linux (x86_64, and the generic one of aarch64).
Call it while the process has one thread: a namespace belongs to a thread, and a thread left outside would undo it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from gonogo.errors import IsolationError

_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_THREAD = 0x10000000, 0x40000000, 0x00010000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 2, 1, 1
_EPERM, _ENOSYS, _AF_UNIX = 1, 38, 1
#: What a process needs that starts others and waits for them; of sockets only local ones are left to it.
_OF_PROGRAMS = frozenset({"socket", "fork", "vfork", "execve", "execveat", "setpgid", "setsid", "tkill", "pidfd_open", "pidfd_send_signal"})

# Landlock's numbers are the same on every architecture.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # write, remove and make of every kind
_O_PATH = 0o10000000


class _Calls:
    """System call numbers of one architecture."""

    def __init__(self, audit: int, seccomp: int, denied: dict[str, int], own_pid_only: dict[str, int], clone: int, clone3: int) -> None:
        self.audit, self.seccomp, self.denied, self.own_pid_only = audit, seccomp, denied, own_pid_only
        self.clone, self.clone3 = clone, clone3


_CALLS = {
    "x86_64": _Calls(
        0xC000003E,
        317,
        {
            "socket": 41, "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101, "setpgid": 109, "setsid": 112, "rt_sigqueueinfo": 129,
            "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "init_module": 175, "tkill": 200, "kexec_load": 246,
            "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "rt_tgsigqueueinfo": 297, "perf_event_open": 298,
            "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313, "bpf": 321,
            "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429,
            "fsopen": 430, "pidfd_open": 434, "pidfd_getfd": 438,
        },
        {"kill": 62, "tgkill": 234},
        56,
        435,
    ),
    "aarch64": _Calls(
        0xC00000B7,
        277,
        {
            "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "kexec_load": 104, "init_module": 105, "ptrace": 117, "tkill": 130,
            "rt_sigqueueinfo": 138, "setpgid": 154, "setsid": 157, "socket": 198, "add_key": 217, "request_key": 218, "keyctl": 219,
            "execve": 221, "unshare": 97, "rt_tgsigqueueinfo": 240, "perf_event_open": 241, "open_by_handle_at": 265, "setns": 268,
            "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "execveat": 281, "userfaultfd": 282,
            "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "pidfd_open": 434,
            "pidfd_getfd": 438,
        },
        {"kill": 129, "tgkill": 131},
        220,
        435,
    ),
}  # fmt: skip


def enter_isolation(*, writable: Sequence[Path] | None = None, accept_weaker: bool = False, programs: bool = False) -> str:
    """Give up the network, new processes and (when `writable` is given) every file change outside those folders, for good.

    With `programs` other programs may be started (a command of the project is one); they are as cut off as this process, but may use
    local sockets and signal what else this user runs.

    Returns what is in force, such as "network namespace, seccomp, read-only files". Raises IsolationError when the network cannot be
    cut and `accept_weaker` is false.
    """
    in_force: list[str] = []
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _cut_network(libc):
            in_force.append("network namespace")
        if writable is not None and _limit_writes(libc, writable):
            in_force.append("read-only files")
        if _filter_calls(libc, programs):
            in_force.append("seccomp")
    if not {"network namespace", "seccomp"}.intersection(in_force):
        if not accept_weaker:
            raise IsolationError(
                "this machine can cut off a process neither by a network namespace nor by seccomp.",
                hint="Use Linux 5.13 or newer on x86_64 or aarch64, or accept it in gonogo.yaml: `isolation: accept-weaker`.",
            )
        in_force.append("network open")
    return ", ".join(in_force)


def limit_resources(*, seconds: float | None, memory_mib: float, open_files: int = 256) -> str:
    """Cap this process's memory, CPU time (`seconds`, None for no cap), file size, open files; no core dumps.

    Returns the word for the evidence: "rlimits".
    """
    memory = int(memory_mib * 2**20)
    caps = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: memory,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_CORE: 0,
    } | ({} if seconds is None else {resource.RLIMIT_CPU: int(seconds) + 2})
    for kind, cap in caps.items():
        _, hard = resource.getrlimit(kind)
        limit = cap if hard == resource.RLIM_INFINITY else min(cap, hard)
        resource.setrlimit(kind, (limit, limit))
    return "rlimits"


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends; `parent` is the parent's pid, so that an end before now is seen too."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _cut_network(libc: ctypes.CDLL) -> bool:
    if _threads() != 1:
        return False
    before = _network()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0 and libc.unshare(_CLONE_NEWNET) != 0:
        return False
    return before is not None and _network() not in (None, before)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 0  # unknown is not one


def _network() -> str | None:
    try:
        return os.readlink("/proc/self/ns/net")
    except OSError:
        return None


def _limit_writes(libc: ctypes.CDLL, writable: Sequence[Path]) -> bool:
    """Landlock: handle every change to files, then allow it below the given folders and for /dev/null."""
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return False
    handled = _CHANGES | (1 << 13 if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attribute = struct.pack("=Q", handled)
    ruleset = libc.syscall(_LANDLOCK_CREATE, attribute, ctypes.c_size_t(len(attribute)), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        allowed = [(os.fspath(path), handled) for path in writable] + [(os.devnull, handled & (_WRITE_FILE | _TRUNCATE))]
        for path, access in allowed:
            handle = os.open(path, _O_PATH | os.O_CLOEXEC)
            try:
                rule = struct.pack("=Qi", access, handle)
                if libc.syscall(_LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0)) != 0:
                    return False
            finally:
                os.close(handle)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0)
    except OSError:
        return False
    finally:
        os.close(ruleset)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter_calls(libc: ctypes.CDLL, programs: bool) -> bool:
    """Install the seccomp filter on every thread. False where the architecture or the kernel has none."""
    calls = _CALLS.get(platform.machine())
    if calls is None or sys.maxsize < 2**32 or sys.byteorder != "little":
        return False
    code = _program(calls, os.getpid(), programs)
    program = _Program(len(code) // 8, code)
    if libc.syscall(calls.seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(program)) == 0:
        return True
    if _threads() != 1:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _program(calls: _Calls, pid: int, programs: bool = False) -> bytes:
    """The filter in classic BPF. It allows what it does not name: a deny-list, under a network namespace where there is one.

    Layout of what it sees (struct seccomp_data): number at 0, architecture at 4, arguments of 8 bytes from 16.
    """
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000
    refuse, unknown = 0x00050000 | _EPERM, 0x00050000 | _ENOSYS
    code: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (equal, 1, 0, calls.audit),
        (give, 0, 0, kill),
        (load, 0, 0, 0),
        (at_least, 0, 1, 0x40000000),  # the x32 numbers of x86_64 would be a way round
        (give, 0, 0, refuse),
    ]
    for number in sorted(number for name, number in calls.denied.items() if not (programs and name in _OF_PROGRAMS)):
        code += [(equal, 0, 1, number), (give, 0, 0, refuse)]
    if programs:
        code += [
            (equal, 0, 4, calls.denied["socket"]),
            (load, 0, 0, 16),
            (equal, 1, 0, _AF_UNIX),
            (give, 0, 0, refuse),
            (give, 0, 0, allow),
        ]
        code += [(give, 0, 0, allow)]
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
    # clone3 hides its flags behind a pointer; told that it does not exist, the C library uses clone.
    code += [(equal, 0, 1, calls.clone3), (give, 0, 0, unknown)]
    code += [(equal, 0, 4, calls.clone), (load, 0, 0, 16), (any_bit, 1, 0, _CLONE_THREAD), (give, 0, 0, refuse), (give, 0, 0, allow)]
    for number in sorted(calls.own_pid_only.values()):
        code += [(equal, 0, 4, number), (load, 0, 0, 16), (equal, 1, 0, pid), (give, 0, 0, refuse), (give, 0, 0, allow)]
    code += [(give, 0, 0, allow)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
