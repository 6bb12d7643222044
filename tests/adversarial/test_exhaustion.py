"""Programs that use up what the host has: memory, processes, disk, log, time."""

from __future__ import annotations

from typing import Any

import pytest

from evolver.sandbox import Ending

EXITED = Ending.EXITED
TIMEOUT = Ending.TIMEOUT
MEMORY = Ending.OUT_OF_MEMORY


def case(name: str, code: str, **expected: Any) -> Any:
    """A hostile program and what must become of it; see the fixture `fight`."""
    return pytest.param(code, expected, id=name)


PROGRAMS = [
    case(
        "fork bomb",
        """
import os, time
while True:
    try: os.fork()
    except OSError: print("no more"); time.sleep(0.2); os._exit(5)
""",
        exit_code=5,
        says="no more",
    ),
    case(
        "threads",
        """
import threading, time
while True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
""",
        exit_code=1,
        says="can't start new thread",
    ),
    case(
        "memory",
        """
hoard = []
while True: hoard.append(bytearray(4 << 20))
""",
        endings=(MEMORY,),
        says="128 MiB",
    ),
    case(
        "memory in many processes",
        """
import os, time
for _ in range(6):
    if os.fork() == 0:
        x = bytearray(40 << 20); time.sleep(20)
time.sleep(20)
""",
        endings=(MEMORY,),
    ),
    case(
        "memory in a child, quietly",
        """
import os
if os.fork() == 0:
    x = []
    while True: x.append(bytearray(4 << 20))
os.wait()
""",
        endings=(MEMORY,),
    ),
    case(
        "memory of no process",
        """
import os
try:
    kept = [os.memfd_create("x") for _ in range(60)]
    for fd in kept: os.write(fd, bytes(4 << 20))
except OSError as error: print("denied", error)
""",
        endings=(EXITED, MEMORY),
        says="denied|needed more",
    ),
    case(
        "shared segments",
        """
import ctypes
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for _ in range(60):
    segment = libc.shmget(0, 4 << 20, 0o1600)
    if segment < 0: print("denied"); break
    at = libc.shmat(segment, None, 0); ctypes.memset(at, 1, 4 << 20); libc.shmdt(ctypes.c_void_p(at))
""",
        endings=(EXITED, MEMORY),
        says="denied|needed more",
    ),
    case(
        "shared memory that is let go of",
        """
import mmap, time
try:
    kept = mmap.mmap(-1, 256 << 20)
    for at in range(0, 256 << 20, 1 << 20):
        kept[at:at + (1 << 20)] = bytes(1 << 20)
        kept.madvise(mmap.MADV_DONTNEED, at, 1 << 20)
    time.sleep(0.5)
except OSError as error: print("denied", error)
""",
        endings=(EXITED, MEMORY),
        says="denied|needed more",
    ),
    case(
        "shared memory of which a page is kept",
        """
import ctypes, mmap, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
size = 8 << 20
for _ in range(32):
    at = libc.mmap(None, ctypes.c_size_t(size), 3, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, -1, 0)
    if at == ctypes.c_void_p(-1).value: print("denied"); break
    ctypes.memset(at, 1, size)
    libc.munmap(ctypes.c_void_p(at + 4096), ctypes.c_size_t(size - 4096))
else: time.sleep(0.5)
""",
        endings=(EXITED, MEMORY),
        says="denied|needed more",
    ),
    case(
        "shared memory by /dev/zero",
        """
import mmap, time
try:
    with open("/dev/zero", "r+b", 0) as file:
        assert file.read(3) == bytes(3)
        kept = mmap.mmap(file.fileno(), 256 << 20)
    for at in range(0, 256 << 20, 1 << 20):
        kept[at:at + (1 << 20)] = bytes(1 << 20)
        kept.madvise(mmap.MADV_DONTNEED, at, 1 << 20)
    time.sleep(0.5)
except OSError as error: print("denied", error)
""",
        endings=(EXITED, MEMORY),
        says="denied|needed more",
    ),
    case(
        "semaphores",
        """
import ctypes
libc, made = ctypes.CDLL(None), 0
for _ in range(32000):
    if libc.semget(0, 32000, 0o1600) < 0: break
    made += 1
print("denied" if made < 1500 else "DID", made)
""",
        endings=(EXITED, MEMORY),
        says="denied|needed more",
    ),
    case(
        "buffers of sockets",
        """
import os, socket, time
for _ in range(12):
    if os.fork() == 0: break
kept, held = [], 0
try:
    while True:
        for one in (pair := socket.socketpair()):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            one.setblocking(False)
            try:
                while True: held += one.send(bytes(1 << 16))
            except BlockingIOError: pass
        kept.append(pair)
except OSError as error: print("full", held >> 20, error, flush=True)
time.sleep(9)
""",
        endings=(MEMORY,),
        says="128 MiB",
    ),
    case(
        "buffers of sockets that nobody holds",
        """
import os, socket, time
sent = []
for _ in range(900):
    near, far = socket.socketpair()
    for one in (near, far):
        one.setblocking(False)
        try:
            while True: one.send(bytes(1 << 16))
        except BlockingIOError: pass
    box = socket.socketpair()
    socket.send_fds(box[0], [b"x"], [near.fileno(), far.fileno()])
    near.close(); far.close(); sent.append(box)
    if len(sent) > 400: time.sleep(9)
""",
        endings=(MEMORY,),
        says="128 MiB",
    ),
    case(
        "page tables",
        """
import ctypes, mmap, os, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
for _ in range(2):
    if os.fork() == 0: break
size = 1 << 36
at = libc.mmap(None, ctypes.c_size_t(size), 1, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0)
libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(size), 15)
# Of each two mebibytes the one page of zeros: no memory of the program's, and a page of its tables.
for place in range(at, at + size, 2 << 20): ctypes.string_at(place, 1)
time.sleep(9)
""",
        endings=(MEMORY,),
        says="128 MiB",
    ),
    case(
        "many mappings",
        """
import ctypes, mmap, os, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
for _ in range(5):
    if os.fork() == 0: break
made = 0
while True:
    at = libc.mmap(None, ctypes.c_size_t(4096), 1 + made % 2 * 4, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if at == ctypes.c_void_p(-1).value: break
    made += 1
time.sleep(9)
""",
        endings=(MEMORY,),
        says="48 MiB",
        limits={"memory": 48 << 20},
    ),
    case(
        "fill /tmp",
        """
n = 0
try:
    for i in range(99):
        with open(f'/tmp/{i}', 'wb', 0) as f: n += f.write(bytes(1 << 20))
except OSError as error: print('full', n >> 20, error.errno)
""",
        exit_code=0,
        says="full [78] 28",
    ),
    case(
        "fill /dev/shm",
        """
n = 0
try:
    for i in range(99):
        with open(f'/dev/shm/{i}', 'wb', 0) as f: n += f.write(bytes(1 << 20))
except OSError as error: print('full', n >> 20, error.errno)
""",
        exit_code=0,
        says="full [78] 28",
    ),
    case(
        "log of a gigabyte",
        r"""
import os
line = b'x' * 1023 + b'\n'
for _ in range(1 << 14): os.write(1, line * 64)
print('end')
""",
        exit_code=0,
        says=r"x\nend\n\Z",
        limits={"wall_seconds": 30.0},
    ),
    case(
        "descriptors",
        """
import os
try:
    while True: os.dup(0)
except OSError as error: print(os.dup2(0, 9), error)
""",
        exit_code=0,
        says="Too many open",
    ),
    case(
        "quiet loop",
        "while True: pass",
        endings=(TIMEOUT, Ending.STARVED),  # the latter where the machine has no CPU for it
        says="longer than 0.5 s|within 2 s",
        limits={"wall_seconds": 0.5},
    ),
]


@pytest.mark.parametrize(("code", "expected"), PROGRAMS)
def test_hostile_program(code: str, expected: dict[str, Any], fight: Any) -> None:
    fight(code, **expected)
