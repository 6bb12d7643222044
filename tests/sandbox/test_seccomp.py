"""The filter, by an interpreter of its instructions: what it answers to calls on either kind of machine."""

from __future__ import annotations

import errno
import struct

import pytest

from evolver.errors import SandboxError
from evolver.sandbox.seccomp import filter_program

ALLOW, KILL = 0x7FFF0000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": dict(
        read=0,
        openat=257,
        execve=59,
        exit_group=231,
        mmap=9,
        kill=62,
        futex=202,
        socket=41,
        socketpair=53,
        clone=56,
        ioctl=16,
        ptrace=101,
        unshare=272,
        mount=165,
        bpf=321,
        memfd_create=319,
        shmget=29,
        msgget=68,
        semget=64,
        vmsplice=278,
        setns=308,
        keyctl=250,
        userfaultfd=323,
        setsockopt=54,
        fcntl=72,
        inotify_init1=294,
        inotify_add_watch=254,
    ),
    "aarch64": dict(
        read=63,
        openat=56,
        execve=221,
        exit_group=94,
        mmap=222,
        kill=129,
        futex=98,
        socket=198,
        socketpair=199,
        clone=220,
        ioctl=29,
        ptrace=117,
        unshare=97,
        mount=40,
        bpf=280,
        memfd_create=279,
        shmget=194,
        msgget=186,
        semget=190,
        vmsplice=75,
        setns=268,
        keyctl=219,
        userfaultfd=282,
        setsockopt=208,
        fcntl=25,
        inotify_init1=26,
        inotify_add_watch=27,
    ),
}
MACHINES = sorted(NUMBERS)


def answer(
    machine: str,
    number: int,
    *arguments: int,
    audit: int | None = None,
    unaccounted: bool = True,
    interfaces: bool = False,
) -> int:
    """What the filter returns for a call."""
    data = struct.pack(
        "<IIQ6Q", number, AUDIT[machine] if audit is None else audit, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6]
    )
    code = filter_program(unaccounted_memory=unaccounted, interfaces=interfaces, machine=machine)
    program = list(struct.iter_unpack("<HBBI", code))
    at, word = 0, 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x20:
            (word,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            word &= value
        elif code == 0x06:
            return int(value)
        else:
            hit = {0x15: word == value, 0x35: word >= value, 0x45: bool(word & value)}[code]
            at += if_true if hit else if_false


def refused(error: int) -> int:
    return 0x50000 | error


@pytest.mark.parametrize("machine", MACHINES)
def test_ordinary_calls_pass(machine: str) -> None:
    for name in ("read", "openat", "execve", "exit_group", "mmap", "kill", "futex", "memfd_create", "shmget"):
        assert answer(machine, NUMBERS[machine][name], 3, 3, 3) == ALLOW, name


@pytest.mark.parametrize("machine", MACHINES)
def test_ways_down_are_closed(machine: str) -> None:
    for name in ("ptrace", "unshare", "mount", "bpf", "setns", "keyctl", "userfaultfd"):
        assert answer(machine, NUMBERS[machine][name]) == refused(errno.EPERM), name
    for number in (425, 426, 427, 428, 433, 438, 442):
        assert answer(machine, number) == refused(errno.EPERM), number
    assert answer(machine, 435) == refused(errno.ENOSYS)


@pytest.mark.parametrize("machine", MACHINES)
def test_only_three_families_of_sockets(machine: str) -> None:
    for call in ("socket", "socketpair"):
        for family in range(64):
            expected = ALLOW if family in (1, 2, 10) else refused(errno.EAFNOSUPPORT)
            assert answer(machine, NUMBERS[machine][call], family) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_interfaces_may_be_listed_and_nothing_else_by_netlink(machine: str) -> None:
    numbers, closed = NUMBERS[machine], refused(errno.EAFNOSUPPORT)
    for kind in (2, 3, 3 | 0x80000):
        assert answer(machine, numbers["socket"], 16, kind, 0, interfaces=True) == ALLOW
        assert answer(machine, numbers["socket"], 16, kind, 0) == closed
        for protocol in range(1, 32):
            assert answer(machine, numbers["socket"], 16, kind, protocol, interfaces=True) == closed
    assert answer(machine, numbers["socketpair"], 16, 3, 0, interfaces=True) == closed
    for family in range(64):
        expected = ALLOW if family in (1, 2, 10, 16) else closed
        assert answer(machine, numbers["socket"], family, 1, 0, interfaces=True) == expected
    for name in ("read", "openat", "mmap"):
        assert answer(machine, numbers[name], 16, 3, 0, interfaces=True) == ALLOW
    for name in ("ptrace", "mount", "unshare"):
        assert answer(machine, numbers[name], interfaces=True) == refused(errno.EPERM)


@pytest.mark.parametrize("machine", MACHINES)
def test_clone_makes_threads_and_processes_but_no_namespaces(machine: str) -> None:
    clone = NUMBERS[machine]["clone"]
    assert answer(machine, clone, 0x3D0F00) == ALLOW
    assert answer(machine, clone, 17) == ALLOW
    for flag in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, clone, flag | 17) == refused(errno.EPERM), hex(flag)


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_is_typed_into_a_terminal(machine: str) -> None:
    assert answer(machine, NUMBERS[machine]["ioctl"], 0, 0x5401) == ALLOW
    assert answer(machine, NUMBERS[machine]["ioctl"], 0, 0x5412) == refused(errno.EPERM)


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_of_no_process_only_where_it_is_counted(machine: str) -> None:
    for name in ("memfd_create", "shmget", "msgget", "semget", "vmsplice"):
        assert answer(machine, NUMBERS[machine][name]) == ALLOW
        assert answer(machine, NUMBERS[machine][name], unaccounted=False) == refused(errno.ENOSYS)
    assert answer(machine, NUMBERS[machine]["read"], unaccounted=False) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_shared_memory_without_a_file_only_where_it_is_counted(machine: str) -> None:
    shared, private, validated, anonymous, populate = 0x01, 0x02, 0x03, 0x20, 0x8000
    mmap = NUMBERS[machine]["mmap"]
    for flags in (shared, private, shared | populate, private | anonymous, private | anonymous | populate):
        assert answer(machine, mmap, 0, 4096, 3, flags, unaccounted=False) == ALLOW, hex(flags)
    for flags in (shared | anonymous, shared | anonymous | populate, validated | anonymous):
        assert answer(machine, mmap, 0, 4096, 3, flags) == ALLOW
        assert answer(machine, mmap, 0, 4096, 3, flags, unaccounted=False) == refused(errno.EPERM), hex(flags)
    # Other calls whose fourth argument is such a number are not meant.
    assert answer(machine, NUMBERS[machine]["read"], 0, 4096, 3, shared | anonymous, unaccounted=False) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_buffers_of_sockets_keep_their_size_where_nothing_counts_them(machine: str) -> None:
    numbers, ignored = NUMBERS[machine], 0x50000
    for option in (7, 8, 32, 33):
        assert answer(machine, numbers["setsockopt"], 5, 1, option) == ALLOW
        assert answer(machine, numbers["setsockopt"], 5, 1, option, unaccounted=False) == ignored
    for option in (26, 50, 51, 52):
        assert answer(machine, numbers["setsockopt"], 5, 1, option, unaccounted=False) == refused(errno.EPERM)
    for level, option in ((1, 2), (1, 9), (1, 15), (6, 1), (6, 7), (6, 8), (0, 7), (41, 26)):
        assert answer(machine, numbers["setsockopt"], 5, level, option, unaccounted=False) == ALLOW
    for name in ("read", "ioctl", "mmap"):
        assert answer(machine, numbers[name], 5, 1, 7, unaccounted=False) == ALLOW
    for number in (444, 445, 446):
        assert answer(machine, number, unaccounted=False) == refused(errno.ENOSYS)


@pytest.mark.parametrize("machine", MACHINES)
def test_nobody_watches_who_else_reads_a_file(machine: str) -> None:
    for name in ("inotify_init1", "inotify_add_watch"):
        assert answer(machine, NUMBERS[machine][name]) == refused(errno.ENOSYS)
    for command in (1024, 1025, 1026):
        assert answer(machine, NUMBERS[machine]["fcntl"], 3, command) == refused(errno.EPERM)
    for command in (0, 1, 2, 3, 4, 6, 7, 37, 1030, 1031):
        assert answer(machine, NUMBERS[machine]["fcntl"], 3, command) == ALLOW


def test_other_conventions_are_fatal() -> None:
    assert answer("x86_64", 0, audit=0x40000003) == KILL
    assert answer("x86_64", 0x40000000) == KILL
    assert answer("aarch64", 63, audit=0x40000028) == KILL


def test_an_unknown_machine_is_an_error() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        filter_program(unaccounted_memory=True, machine="riscv64")
