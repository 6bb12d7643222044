"""Confines a process by system calls, as bwrap does: namespaces, file system, capabilities, system call filter.

Lays out the file system from the same words that bwrap is given (see mounts.py), so that what a program sees is written
down once. Runs in the fork server: standard library only, and everything fails closed with OSError or ValueError.
"""

# ruff: noqa: PTH102, PTH110, PTH112, PTH115, PTH120, PTH123, PTH211, S108

import ctypes
import fcntl
import os
import platform
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_LIBRARY = ctypes.PyDLL(None, use_errno=True)
_LIBRARY.syscall.restype = ctypes.c_long

_NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
"""CLONE_NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET."""
_NEW_CGROUP, _NEW_USER = 0x02000000, 0x10000000
_NAMES = ("mnt", "uts", "ipc", "pid", "net")
_NOSUID, _NODEV, _NOEXEC, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_DETACH = 2
_READ_ONLY, _ATTRIBUTE_NOSUID, _ATTRIBUTE_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_SETATTR = -100, 0x8000, 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE_PARENT, _SIGCHLD, _SIGKILL = 0x8000, 17, 9
_INVALID = 22
_DEATH_SIGNAL, _SECCOMP, _FILTER, _DROP_BOUNDING, _NO_NEW_PRIVILEGES = 1, 22, 2, 24, 38
_AMBIENT, _CLEAR_ALL = 47, 4
_CAPABILITY_VERSION = 0x20080522
LAUNCHER_CAPABILITIES = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8
"""CAP_DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP: what process 1 keeps where there are privileges."""
_ARGUMENTS = {
    "--perms": 1, "--size": 1, "--symlink": 2, "--proc": 1, "--dev": 1, "--tmpfs": 1, "--dir": 1, "--file": 2,
    "--ro-bind": 2, "--ro-bind-try": 2, "--dev-bind": 2, "--remount-ro": 1, "--chdir": 1,
}  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_NEW, _OLD = "/newroot", "/oldroot"


class _Operation(NamedTuple):
    name: str
    arguments: tuple[str, ...]
    permissions: int | None
    size: int | None


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library. Raises OSError."""
    result = int(getattr(_LIBRARY, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def fork_beside(*, user: bool) -> int:
    """Fork a process into namespaces of its own, where it is process 1; 0 in it. Raises OSError.

    Its parent is this process's parent, which collects it. With `user` it has a namespace of users, too, in which
    `map_user` is to be called.
    """
    ctypes.pythonapi.PyOS_BeforeFork()
    flags = _NEW_NAMESPACES | _CLONE_PARENT | _SIGCHLD | (_NEW_USER if user else 0)
    pid, error = _clone(flags | _NEW_CGROUP)
    if error == _INVALID:  # a kernel without namespaces of control groups
        pid, error = _clone(flags)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, f"clone: {os.strerror(error)}")
    return pid


def _clone(flags: int) -> tuple[int, int]:
    """The process id and the error number. The C library is not told: only system calls follow until the next fork."""
    nothing = ctypes.c_long(0)
    number = ctypes.c_long(_CLONE[platform.machine()])
    pid = int(_LIBRARY.syscall(number, ctypes.c_long(flags), nothing, nothing, nothing, nothing))
    return pid, ctypes.get_errno() if pid < 0 else 0


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends. Raises OSError."""
    call("prctl", _DEATH_SIGNAL, _SIGKILL, 0, 0, 0)


def map_user(user: int, outside: tuple[int, int]) -> None:
    """Give the user and group `outside` this number in a fresh namespace of users, and no others any."""
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {outside[0]} 1")
    _write("/proc/self/gid_map", f"{user} {outside[1]} 1")


def namespaces() -> dict[str, str]:
    """The namespaces of this process, by kind."""
    return {name: os.readlink(f"/proc/self/ns/{name}") for name in _NAMES}


def lay_out(words: Sequence[str], descriptors: Mapping[int, int], hostname: bytes = b"sandbox") -> None:
    """Make the file system that bwrap's `words` describe the only one, in a mount namespace of our own.

    `descriptors` are the numbers here of those in the words.
    """
    operations = [_with_true_source(operation) for operation in _parsed(words)]
    call("sethostname", hostname, len(hostname))
    _raise_loopback()
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _NOSUID | _NODEV, "mode=0755")
    os.umask(0)
    os.chdir("/tmp")
    os.mkdir("newroot", 0o755)
    os.mkdir("oldroot", 0o755)
    _mount("newroot", "newroot", None, _BIND | _RECURSIVE)
    _pivot("/tmp", "oldroot")
    os.chdir("/")
    for operation in operations:
        _apply(operation, descriptors)
    call("umount2", _OLD.encode(), _DETACH)
    root = os.open("/", os.O_DIRECTORY | os.O_RDONLY | os.O_CLOEXEC)
    os.chdir(_NEW)
    _pivot(".", ".")
    os.fchdir(root)
    call("umount2", b".", _DETACH)
    os.close(root)
    os.chdir("/")
    os.umask(0o022)


def give_up_privileges(kept: int) -> None:
    """Keep these capabilities alone, and never get others by executing anything."""
    call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call("prctl", _AMBIENT, _CLEAR_ALL, 0, 0, 0)
    for capability in range(64):
        if not kept >> capability & 1:
            try:
                call("prctl", _DROP_BOUNDING, capability, 0, 0, 0)
            except OSError:
                break
    low = kept & 0xFFFFFFFF
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    call("capset", header, struct.pack("=6I", low, low, 0, kept >> 32, kept >> 32, 0))


def install_filter(program: bytes) -> None:
    """Install a system call filter for good."""

    class FilterProgram(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    buffer = ctypes.create_string_buffer(program, len(program))
    call("prctl", _SECCOMP, _FILTER, ctypes.byref(FilterProgram(len(program) // 8, ctypes.addressof(buffer))), 0, 0)


def check_confinement(outside: Mapping[str, str]) -> None:
    """Raise OSError unless this process is confined: namespaces other than those `outside`, filter, capabilities."""
    inside = namespaces()
    shared = [name for name in _NAMES if inside[name] == outside[name]]
    with open("/proc/self/status", encoding="ascii") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    held = int(status["CapPrm"], 16) | int(status["CapBnd"], 16) | int(status["CapInh"], 16)
    if shared or status["NoNewPrivs"] != "1" or status["Seccomp"] != "2" or held & ~LAUNCHER_CAPABILITIES:
        raise OSError(f"confinement is incomplete: {shared}, {status['Seccomp']}, {held:x}")


def _parsed(words: Sequence[str]) -> Iterator[_Operation]:
    at, permissions, size, folders = 0, None, None, set[tuple[str, ...]]()
    while at < len(words):
        name = words[at]
        if name not in _ARGUMENTS:
            raise ValueError(f"{name} is unknown")
        arguments = tuple(words[at + 1 : at + 1 + _ARGUMENTS[name]])
        at += 1 + len(arguments)
        if name == "--perms":
            permissions = int(arguments[0], 8)
        elif name == "--size":
            size = int(arguments[0])
        else:
            if name != "--dir" or arguments not in folders:  # the folders above a place are often named
                yield _Operation(name, arguments, permissions, size)
            folders.add(arguments)
            permissions, size = None, None


def _with_true_source(operation: _Operation) -> _Operation:
    """With the source of a bind as it is without links, which lead elsewhere once the root has moved."""
    if "bind" not in operation.name:
        return operation
    source, target = operation.arguments
    return operation._replace(arguments=(os.path.realpath(source), target))


def _apply(operation: _Operation, descriptors: Mapping[int, int]) -> None:
    name, arguments, permissions, size = operation
    if name == "--chdir":
        return
    target = _NEW + arguments[-1]
    if name == "--symlink":
        _make_folder(os.path.dirname(target))
        os.symlink(arguments[0], target)
    elif name == "--dir":
        _make_folder(target, permissions)
    elif name == "--tmpfs":
        _make_folder(target)
        options = f"mode={0o755 if permissions is None else permissions:o}" + ("" if size is None else f",size={size}")
        _mount("tmpfs", target, "tmpfs", _NOSUID | _NODEV, options)
    elif name == "--file":
        _copy(descriptors[int(arguments[0])], target, 0o666 if permissions is None else permissions)
    elif name == "--remount-ro":
        _set_attributes(target, _READ_ONLY, recursive=False)
    elif name == "--proc":
        _mount_proc(target)
    elif name == "--dev":
        _mount_devices(target)
    else:
        _bind(arguments[0], target, optional=name.endswith("-try"), devices=name.startswith("--dev"))


def _bind(source: str, target: str, *, optional: bool = False, devices: bool = False) -> None:
    outside = _OLD + source
    if optional and not os.path.exists(outside):
        return
    if os.path.isdir(outside):
        _make_folder(target)
    else:
        _make_folder(os.path.dirname(target))
        if not os.path.exists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    _mount(outside, target, None, _BIND | _RECURSIVE)
    _set_attributes(target, _ATTRIBUTE_NOSUID | (0 if devices else _READ_ONLY | _ATTRIBUTE_NODEV), recursive=True)


def _copy(source: int, target: str, permissions: int) -> None:
    _make_folder(os.path.dirname(target))
    copy = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, permissions)
    while data := os.read(source, 1 << 20):
        while data:
            data = data[os.write(copy, data) :]
    os.close(copy)


def _make_folder(path: str, permissions: int | None = None) -> None:
    if os.path.isdir(path):
        return
    _make_folder(os.path.dirname(path))
    os.mkdir(path, 0o755 if permissions is None else permissions)


def _mount_proc(target: str) -> None:
    _make_folder(target)
    _mount("proc", target, "proc", _NOSUID | _NOEXEC | _NODEV)
    for name in ("sys", "sysrq-trigger", "irq", "bus"):
        place = f"{target}/{name}"
        if os.path.exists(place):
            _mount(place, place, None, _BIND | _RECURSIVE)
            _set_attributes(place, _READ_ONLY | _ATTRIBUTE_NOSUID | _ATTRIBUTE_NODEV, recursive=True)


def _mount_devices(target: str) -> None:
    _make_folder(target)
    _mount("tmpfs", target, "tmpfs", _NOSUID | _NODEV, "mode=0755")
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{target}/{name}", devices=True)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{target}/{name}")
    os.symlink("/proc/self/fd", f"{target}/fd")
    os.symlink("/proc/kcore", f"{target}/core")
    os.mkdir(f"{target}/shm", 0o755)
    os.mkdir(f"{target}/pts", 0o755)
    _mount("devpts", f"{target}/pts", "devpts", _NOSUID | _NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    os.symlink("pts/ptmx", f"{target}/ptmx")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    said = [None if word is None else os.fsencode(word) for word in (source, target, kind, options)]
    try:
        call("mount", said[0], said[1], said[2], ctypes.c_ulong(flags), said[3])
    except OSError as error:
        raise OSError(error.errno, f"{target.removeprefix(_NEW)} cannot be mounted: {error.strerror}") from None


def _set_attributes(target: str, attributes: int, *, recursive: bool) -> None:
    said = struct.pack("=4Q", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    call("syscall", _MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target), flags, said, ctypes.c_size_t(len(said)))


def _pivot(new: str, old: str) -> None:
    call("syscall", _PIVOT_ROOT[platform.machine()], new.encode(), old.encode())


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
