"""The system call filter: a classic BPF program, assembled here, that bubblewrap installs before the program starts."""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass
from functools import cache

from evolver.errors import SandboxError

# struct seccomp_data: number, architecture, instruction pointer, then six 64-bit arguments (little-endian here).
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _GREATER_OR_EQUAL, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32_BIT = 0x40000000
_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6; there is nothing to reach, but programs talk to themselves by them."""
_AF_NETLINK, _NETLINK_ROUTE = 16, 0
_NAMESPACE_FLAGS = 0x7E020080
"""CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: type into a terminal."""
_SOL_SOCKET = 1
_BUFFER_SIZES = (7, 8, 32, 33)
"""SO_SNDBUF, SO_RCVBUF and their forms with FORCE."""
_SOCKET_FILTERS = (26, 50, 51, 52)
"""SO_ATTACH_FILTER, SO_ATTACH_BPF and their forms with REUSEPORT: memory of the kernel beside the buffers."""
_FILE_NOTICES = (1024, 1025, 1026)
"""F_SETLEASE, F_GETLEASE, F_NOTIFY."""
_MAP_TYPE, _MAP_PRIVATE, _MAP_ANONYMOUS = 0x0F, 0x02, 0x20

# Since 5.1 new calls have one number on every architecture.
_DENIED_EVERYWHERE = (
    425,
    426,
    427,  # io_uring_setup, io_uring_enter, io_uring_register
    428,
    429,
    442,
    467,  # open_tree, move_mount, mount_setattr, open_tree_attr
    430,
    431,
    432,
    433,  # fsopen, fsconfig, fsmount, fspick
    438,
    443,
    447,  # pidfd_getfd, quotactl_fd, memfd_secret
)

_LANDLOCK = (444, 445, 446)
"""landlock_create_ruleset, landlock_add_rule, landlock_restrict_self: as many rules as a program likes."""


@dataclass(frozen=True)
class _Architecture:
    audit: int
    socket: int
    socketpair: int
    clone: int
    clone3: int
    ioctl: int
    mmap: int
    setsockopt: int
    fcntl: int
    watches: tuple[int, ...]
    """inotify_init, inotify_init1, inotify_add_watch: who else reads a file that several trials are shown."""
    unaccounted: tuple[int, ...]
    """memfd_create; shmget, shmat, msgget, semget of System V; vmsplice: a pipe keeps pages that are unmapped."""
    denied: tuple[int, ...]


_X86_64 = _Architecture(
    audit=0xC000003E,
    socket=41,
    socketpair=53,
    clone=56,
    clone3=435,
    ioctl=16,
    mmap=9,
    setsockopt=54,
    fcntl=72,
    watches=(253, 294, 254),
    unaccounted=(319, 29, 30, 68, 64, 278),
    denied=(
        101,  # ptrace
        103,
        163,
        179,  # syslog, acct, quotactl
        154,
        172,
        173,  # modify_ldt, iopl, ioperm
        155,
        161,
        165,
        166,  # pivot_root, chroot, mount, umount2
        159,
        164,
        227,
        305,  # adjtimex, settimeofday, clock_settime, clock_adjtime
        167,
        168,
        169,  # swapon, swapoff, reboot
        175,
        176,
        313,  # init_module, delete_module, finit_module
        246,
        320,  # kexec_load, kexec_file_load
        248,
        249,
        250,  # add_key, request_key, keyctl
        272,
        308,  # unshare, setns
        298,
        300,
        321,
        323,  # perf_event_open, fanotify_init, bpf, userfaultfd
        303,
        304,  # name_to_handle_at, open_by_handle_at
        310,
        311,
        312,  # process_vm_readv, process_vm_writev, kcmp
    ),
)
_AARCH64 = _Architecture(
    audit=0xC00000B7,
    socket=198,
    socketpair=199,
    clone=220,
    clone3=435,
    ioctl=29,
    mmap=222,
    setsockopt=208,
    fcntl=25,
    watches=(26, 27),
    unaccounted=(279, 194, 196, 186, 190, 75),
    denied=(
        117,  # ptrace
        116,
        89,
        60,  # syslog, acct, quotactl
        41,
        51,
        40,
        39,  # pivot_root, chroot, mount, umount2
        171,
        170,
        112,
        266,  # adjtimex, settimeofday, clock_settime, clock_adjtime
        224,
        225,
        142,  # swapon, swapoff, reboot
        105,
        106,
        273,  # init_module, delete_module, finit_module
        104,
        294,  # kexec_load, kexec_file_load
        217,
        218,
        219,  # add_key, request_key, keyctl
        97,
        268,  # unshare, setns
        241,
        262,
        280,
        282,  # perf_event_open, fanotify_init, bpf, userfaultfd
        264,
        265,  # name_to_handle_at, open_by_handle_at
        270,
        271,
        272,  # process_vm_readv, process_vm_writev, kcmp
    ),
)
_ARCHITECTURES = {"x86_64": _X86_64, "aarch64": _AARCH64}


class _Assembler:
    """Collects instructions; each check falls through to the next one if it does not apply."""

    def __init__(self) -> None:
        self._code: list[bytes] = []

    def add(self, code: int, value: int, if_true: int = 0, if_false: int = 0) -> None:
        self._code.append(struct.pack("<HBBI", code, if_true, if_false, value))

    def refuse(self, number: int, error: int) -> None:
        self.add(_EQUAL, number, 0, 1)
        self.add(_RETURN, _ERRNO | error)

    def refuse_all(self, numbers: tuple[int, ...], error: int) -> None:
        for left, number in zip(range(len(numbers) - 1, -1, -1), numbers, strict=True):
            # The last comparison skips the return if it fails; a hit on an earlier one jumps to it.
            self.add(_EQUAL, number, left, 0 if left else 1)
        self.add(_RETURN, _ERRNO | error)

    def on_argument(self, number: int, argument: int, test: int, values: tuple[int, ...], hit: int, miss: int) -> None:
        """For call `number`: return `hit` if the low word of the argument passes `test` for any value, else `miss`."""
        self.add(_EQUAL, number, 0, len(values) + 3)
        self.add(_LOAD, _ARGUMENTS + 8 * argument)
        for left, value in zip(range(len(values) - 1, -1, -1), values, strict=True):
            self.add(test, value, left + 1, 0)
        self.add(_RETURN, miss)
        self.add(_RETURN, hit)

    def allow_exactly(self, number: int, arguments: dict[int, int]) -> None:
        """Allow call `number` where the low word of each argument has the given value."""
        left = 2 * len(arguments) + 1
        self.add(_EQUAL, number, 0, left)
        for argument, value in arguments.items():
            left -= 2
            self.add(_LOAD, _ARGUMENTS + 8 * argument)
            self.add(_EQUAL, value, 0, left)
        self.add(_RETURN, _ALLOW)
        self.add(_LOAD, _NUMBER)

    def refuse_shared_anonymous(self, mmap: int, error: int) -> None:
        """Refuse call `mmap` where it asks for memory without a file that is not private."""
        self.add(_EQUAL, mmap, 0, 6)
        self.add(_LOAD, _ARGUMENTS + 8 * 3)
        self.add(_ANY_BIT, _MAP_ANONYMOUS, 0, 2)
        self.add(_AND, _MAP_TYPE)
        self.add(_EQUAL, _MAP_PRIVATE, 0, 1)
        self.add(_RETURN, _ALLOW)
        self.add(_RETURN, _ERRNO | error)

    def answer_options(self, setsockopt: int, options: tuple[int, ...], answer: int) -> None:
        """Return `answer` for call `setsockopt` where it sets one of these options of sockets themselves."""
        self.add(_EQUAL, setsockopt, 0, len(options) + 5)
        self.add(_LOAD, _ARGUMENTS + 8)
        self.add(_EQUAL, _SOL_SOCKET, 0, len(options) + 2)
        self.add(_LOAD, _ARGUMENTS + 8 * 2)
        for left, option in zip(range(len(options) - 1, -1, -1), options, strict=True):
            self.add(_EQUAL, option, left, 0 if left else 1)
        self.add(_RETURN, answer)
        self.add(_LOAD, _NUMBER)

    def program(self) -> bytes:
        return b"".join(self._code)


def _refuse_unaccounted(code: _Assembler, architecture: _Architecture) -> None:
    """Refuse memory that is no process's, and keep the buffers of sockets small."""
    code.refuse_all((*architecture.unaccounted, *_LANDLOCK), errno.ENOSYS)
    code.refuse_shared_anonymous(architecture.mmap, errno.EPERM)
    # As where the system's limit is reached already: the call succeeds, and the buffer keeps its size.
    code.answer_options(architecture.setsockopt, _BUFFER_SIZES, _ERRNO)
    code.answer_options(architecture.setsockopt, _SOCKET_FILTERS, _ERRNO | errno.EPERM)


@cache
def filter_program(*, unaccounted_memory: bool, interfaces: bool = False, machine: str | None = None) -> bytes:
    """The filter as bytes of `struct sock_filter`, for this machine.

    `unaccounted_memory` allows memory that need not be in any process (memfd, System V, shared mappings without a file,
    whose pages stay when a process lets go of them, large buffers of sockets, rules of Landlock): only safe where a
    control group counts it. `interfaces` lets a
    program ask for the list of its network interfaces, by a routing socket of the netlink family, as processes that
    train together must. Raises SandboxError on machines other than x86_64 and aarch64.
    """
    machine = machine or platform.machine()
    architecture = _ARCHITECTURES.get(machine)
    if architecture is None:
        raise SandboxError(f"there is no system call filter for {machine}; say --sandbox none to run unprotected")
    refused = _ERRNO | errno.EPERM
    code = _Assembler()
    code.add(_LOAD, _ARCHITECTURE)
    code.add(_EQUAL, architecture.audit, 1, 0)
    code.add(_RETURN, _KILL)
    code.add(_LOAD, _NUMBER)
    if machine == "x86_64":
        code.add(_GREATER_OR_EQUAL, _X32_BIT, 0, 1)
        code.add(_RETURN, _KILL)
    # Without clone3 the C library uses clone, whose flags a filter can see.
    code.refuse(architecture.clone3, errno.ENOSYS)
    code.refuse_all((*architecture.denied, *_DENIED_EVERYWHERE), errno.EPERM)
    if not unaccounted_memory:
        _refuse_unaccounted(code, architecture)
    if interfaces:
        code.allow_exactly(architecture.socket, {0: _AF_NETLINK, 2: _NETLINK_ROUTE})
    for call in (architecture.socket, architecture.socketpair):
        code.on_argument(call, 0, _EQUAL, _FAMILIES, hit=_ALLOW, miss=_ERRNO | errno.EAFNOSUPPORT)
    code.on_argument(architecture.clone, 0, _ANY_BIT, (_NAMESPACE_FLAGS,), hit=refused, miss=_ALLOW)
    code.refuse_all(architecture.watches, errno.ENOSYS)
    code.on_argument(architecture.fcntl, 1, _EQUAL, _FILE_NOTICES, hit=refused, miss=_ALLOW)
    code.on_argument(architecture.ioctl, 1, _EQUAL, _TERMINAL_INPUT, hit=refused, miss=_ALLOW)
    code.add(_RETURN, _ALLOW)
    return code.program()
