"""Programs that will not end, outlive their end, or attack what would end them."""

from __future__ import annotations

from typing import Any

import pytest

from evolver.sandbox import Ending

TIMEOUT = Ending.TIMEOUT


def case(name: str, code: str, **expected: Any) -> Any:
    """A hostile program and what must become of it; see the fixture `fight`."""
    return pytest.param(code, expected, id=name)


PROGRAMS = [
    case(
        "ignore signals",
        """
import signal, os
for s in range(1, 65):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
""",
        endings=(TIMEOUT,),
        limits={"wall_seconds": 0.5},
    ),
    case(
        "stop itself",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        endings=(TIMEOUT,),
        limits={"wall_seconds": 0.5},
    ),
    case(
        "daemon",
        """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(0.01); open("/out/late", "w").write("x")
    os._exit(0)
os.wait(); time.sleep(0.1); os.unlink("/out/late")
""",
        exit_code=0,
    ),
    case(
        "daemon that holds the log",
        """
import os, time
if os.fork() == 0:
    os.setsid(); time.sleep(60)
""",
        exit_code=0,
    ),
    case(
        "daemon and loop",
        """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
while True: pass
""",
        endings=(TIMEOUT,),
        limits={"wall_seconds": 0.5},
    ),
    case(
        "kill everyone",
        """
import os
open('/out/a', 'w')
for target in (1, -1):
    for s in (1, 2, 15, 17, 9):
        try: os.kill(target, s)
        except OSError: pass
""",
        files=("a",),
    ),
    case(
        "take over process 1",
        """
attempt("WROTE", lambda: open("/proc/1/mem", "r+b"))
attempt("LEAK", lambda: os.listdir("/proc/1/fd"))
attempt("LEAK", lambda: os.readlink("/proc/1/exe"))
attempt("LEAK", lambda: open("/proc/1/environ", "rb").read())
for request in (0x4206, 16):
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(1), 0, 0) >= 0: print("DID", request)
""",
        tools=True,
        exit_code=0,
    ),
    case(
        "write junk into every descriptor",
        r"""
import os
open("/out/a", "w").write("x")
report = b"D" + bytes(12) + b"F\0\1\0\0\0\0\0\0\0\6FORGED."
for fd in range(3, 1024):
    for place in (fd, f"/proc/1/fd/{fd}", f"/proc/{os.getppid()}/fd/{fd}"):
        try: os.write(place if isinstance(place, int) else os.open(place, os.O_WRONLY), report)
        except OSError: pass
os.closerange(0, 1024)
os._exit(4)
""",
        exit_code=4,
        files=("a",),
    ),
    case(
        "delete everything",
        """
import os, shutil
for place in os.listdir('/'): shutil.rmtree('/' + place, ignore_errors=True)
os._exit(7)
""",
        exit_code=7,
        limits={"wall_seconds": 300.0},  # it goes through every file that it sees
    ),
    case("crash", "import ctypes; ctypes.string_at(0)", exit_code=-11),
]


@pytest.mark.parametrize(("code", "expected"), PROGRAMS)
def test_hostile_program(code: str, expected: dict[str, Any], fight: Any) -> None:
    fight(code, **expected)
