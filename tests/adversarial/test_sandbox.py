"""Programs that fight the sandbox: each really runs, under every backend and kind of user that this machine offers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evolver.sandbox import Ending
from evolver.sandbox.filesystem import interpreter
from evolver.sandbox.probe import find_binary, is_privileged

SERVER = Path(__file__).with_name("attempt.py")
ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
LIMITS = {
    "wall_seconds": 10.0,
    "memory": 128 << 20,
    "processes": 16,
    "scratch": 8 << 20,
    "output": 4 << 20,
    "output_files": 16,
    "log": 8 << 10,
}
TRESPASS = re.compile("WROTE|LEAK|REACHED|DID|FORGED")
"""What the programs print when they get somewhere."""
EXITED, REFUSED, TIMEOUT, MEMORY = Ending.EXITED, Ending.OUTPUT_REFUSED, Ending.TIMEOUT, Ending.OUT_OF_MEMORY


@dataclass(frozen=True)
class Hostile:
    """A program and what must become of it."""

    name: str
    code: str
    endings: tuple[Ending, ...] = (EXITED,)
    exit_code: int | None = None
    says: str = ""
    """Pattern to be found in the log or the reason."""
    limits: dict[str, float] = field(default_factory=dict)
    files: tuple[str, ...] | None = None
    """Names of all that may be delivered."""


TRY = """
import os, sys, socket, ctypes
def attempt(word, action):
    try:
        result = action()
    except BaseException as error:
        print("denied:", type(error).__name__, error)
    else:
        print(word, result)
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result >= 0 or ctypes.get_errno() not in (1, 22, 38, 97): print("DID", name, result, ctypes.get_errno())
"""

OUTPUT = [
    Hostile("symbolic link", "import os; os.symlink('/etc/passwd', '/out/a')", (REFUSED,), says="symbolic link"),
    Hostile("linked folder", "import os; os.symlink('/usr', '/out/a')", (REFUSED,), says="symbolic link"),
    Hostile(
        "dangling link", "import os; os.symlink(os.environ['HIDDEN_FILE'], '/out/a')", (REFUSED,), says="symbolic link"
    ),
    Hostile(
        "hard link",
        "import os; open('/out/a', 'w').write('x'); os.link('/out/a', '/out/b')",
        (REFUSED,),
        says="hard link",
    ),
    Hostile("hard link to elsewhere", TRY + "attempt('DID', lambda: os.link('/etc/passwd', '/out/b'))", files=()),
    Hostile("pipe", "import os; os.mkfifo('/out/a')", (REFUSED,), says="pipe"),
    Hostile("socket", "import socket; socket.socket(socket.AF_UNIX).bind('/out/a')", (REFUSED,), says="socket"),
    Hostile(
        "device",
        TRY + "import stat\nattempt('DID', lambda: os.mknod('/out/a', stat.S_IFBLK | 0o666, os.makedev(254, 0)))\n"
        "attempt('DID', lambda: os.mknod('/out/b', stat.S_IFCHR | 0o666, os.makedev(1, 1)))",
        files=(),
    ),
    Hostile("sparse file", "open('/out/a', 'wb').truncate(3 << 20)", (REFUSED,), says="holes"),
    Hostile("file of a terabyte", "open('/out/a', 'wb').truncate(1 << 40)", exit_code=1, says="too large|File too"),
    Hostile(
        "too many bytes",
        "\ntry:\n    with open('/out/a', 'wb', 0) as f:\n        while True: f.write(bytes(1 << 16))\n"
        "except OSError as e: print('full', e.errno)",
        (EXITED, REFUSED),
        says="full",
    ),
    Hostile("too many files", "for i in range(17): open(f'/out/{i}', 'w')", (REFUSED,), says="more than 16 files"),
    Hostile(
        "endless empty files", "for i in range(10**9): open(f'/tmp/{i}', 'w').close()", (REFUSED,), says="more than"
    ),
    Hostile(
        "endless folders", "import os\nfor i in range(10**9): os.mkdir(f'/dev/shm/{i}')", (REFUSED,), says="more than"
    ),
    Hostile("name with a line break", r"open('/out/a\nb', 'w')", (REFUSED,), says="unusable name"),
    Hostile("name that is no text", r"open(b'/out/\xff\xfe', 'w')", (REFUSED,), says="unusable name"),
    Hostile("name that writes backwards", r"open('/out/gnp\u202e.sj', 'w')", (REFUSED,), says="unusable name"),
    Hostile(
        "name that is too long",
        "import os\nos.chdir('/out')\nfor i in range(9): os.mkdir('d' * 80); os.chdir('d' * 80)\nopen('x', 'w')",
        (REFUSED,),
        says="unusable name",
    ),
    Hostile("deep folders", "import os\nos.makedirs('/out/' + 'd/' * 40)", (REFUSED,), says="deep"),
    Hostile("unreadable file", "import os; open('/out/a', 'w').write('x'); os.chmod('/out/a', 0)", (EXITED, REFUSED)),
    Hostile("setuid file", "import os; open('/out/a', 'w').write('x'); os.chmod('/out/a', 0o6777)", files=("a",)),
    Hostile(
        "leaves without a word", "import os; open('/out/a', 'w').write('x'); os._exit(3)", exit_code=3, files=("a",)
    ),
]

REACH = [
    Hostile(
        "write everywhere",
        TRY
        + """
places = ["/x", "/usr/x", "/etc/passwd", "/etc/x", "/bin/x", "/run/launcher.pyc", "/dev/x", "/dev/null/x", "/proc/sys/kernel/core_pattern",
          "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/root/evil", "/home/evil", "/var/tmp/evil",
          sys.prefix + "/evil", os.__file__, os.environ["HIDDEN_FILE"], "/sys/fs/cgroup/evil", "/proc/1/mem"]
for place in places: attempt("WROTE " + place, lambda: open(place, "r+" if os.path.exists(place) else "w"))
for place in ("/tmp/evil", "/dev/shm/evil", "/out/fine"): open(place, "w").write("x")
""",
        files=("fine",),
        exit_code=0,
    ),
    Hostile(
        "read the host",
        TRY
        + """
import glob
for place in (os.environ["HIDDEN_FILE"], "/etc/shadow", "/etc/machine-id", "/root/.bashrc", "/root/.ssh", "/home", "/var/log", "/sys/class",
              "/proc/kcore", "/dev/mem", "/dev/vda", "/dev/sda", "/proc/1/environ"):
    attempt("LEAK " + place, lambda: open(place, "rb").read(10) if not os.path.isdir(place) else os.listdir(place))
for top, folders, names in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/usr")]
    if "secret" in names or "tasks" in folders and "benchmarks" in folders: print("LEAK", top)
""",
        exit_code=0,
    ),
    Hostile(
        "import evolver",
        TRY
        + "attempt('LEAK', lambda: __import__('evolver.contracts'))\nattempt('LEAK', lambda: __import__('evolver.sandbox.job'))",
    ),
    Hostile(
        "environment of others",
        TRY
        + """
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        try: data = open(f"/proc/{pid}/{name}", "rb").read()
        except OSError: continue
        if b"EVOLVER_" + b"CANARY=" in data or b"attempt" + b".py" in data: print("LEAK", pid, name)
if any("CANARY" in name for name in os.environ) or len(os.listdir("/proc/self/fd")) > 4: print("LEAK", os.environ)
print(sorted(filter(str.isdigit, os.listdir("/proc"))))
""",
        exit_code=0,
        says=r"\['1', '2'\]",
    ),
    Hostile(
        "network",
        TRY
        + """
def reach(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(1); s.connect(address); s.send(b"x")
    return address
attempt("REACHED", lambda: reach(socket.AF_INET, ("127.0.0.1", int(os.environ["HOST_PORT"]))))
attempt("REACHED", lambda: reach(socket.AF_INET, ("1.1.1.1", 53)))
attempt("REACHED", lambda: reach(socket.AF_INET, ("169.254.169.254", 80)))
attempt("REACHED", lambda: reach(socket.AF_INET, ("8.8.8.8", 53), socket.SOCK_DGRAM))
attempt("REACHED", lambda: reach(socket.AF_INET6, ("2606:4700:4700::1111", 53)))
attempt("REACHED", lambda: reach(socket.AF_UNIX, chr(0) + os.environ["HOST_NAME"]))
attempt("REACHED", lambda: socket.getaddrinfo("example.com", 80))
for family in (40, 16, 17, 38, 44, 31): attempt("REACHED family", lambda: socket.socket(family, socket.SOCK_RAW))
attempt("REACHED", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
""",
        exit_code=0,
    ),
    Hostile(
        "system calls",
        TRY
        + """
import platform
x86 = platform.machine() == "x86_64"
for name, a, b in (("ptrace", 101, 117), ("mount", 165, 40), ("umount", 166, 39), ("unshare", 272, 97), ("setns", 308, 268), ("bpf", 321, 280),
                   ("keyctl", 250, 219), ("add_key", 248, 217), ("userfaultfd", 323, 282), ("perf", 298, 241), ("reboot", 169, 142),
                   ("chroot", 161, 51), ("pivot", 155, 41), ("handle", 304, 265), ("readv", 310, 270), ("writev", 311, 271),
                   ("uring", 425, 425), ("open_tree", 428, 428), ("fsopen", 430, 430), ("getfd", 438, 438), ("secret", 447, 447)):
    call(name, a if x86 else b, ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0))
for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000):
    call("unshare", 272 if x86 else 97, ctypes.c_long(flag)); call("clone", 56 if x86 else 220, ctypes.c_long(flag | 17), 0, 0, 0, 0)
call("clone3", 435, ctypes.create_string_buffer(88), ctypes.c_long(88))
""",
        exit_code=0,
    ),
    Hostile(
        "become root",
        TRY
        + """
attempt("DID", lambda: os.setuid(0))
attempt("DID", lambda: os.setresuid(0, 0, 0))
attempt("DID", lambda: os.setgroups([0]))
for binary in ("su", "mount", "passwd", "newgrp", "sudo"):
    if os.path.exists("/usr/bin/" + binary): os.system(f"echo | timeout 2 /usr/bin/{binary} -c id 2>/dev/null | sed s/uid=0/DID/")
attempt("DID", lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (5000, 5000)))
print(open("/proc/self/status").read())
""",
        says=r"CapEff:\s0+\nCapBnd:\s0+\nCapAmb:\s0+\nNoNewPrivs:\s1\nSeccomp:\s2",
    ),
]

EXHAUST = [
    Hostile(
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
    Hostile(
        "threads",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        exit_code=1,
        says="can't start new thread",
    ),
    Hostile("memory", "hoard = []\nwhile True: hoard.append(bytearray(4 << 20))", (MEMORY,), says="128 MiB"),
    Hostile(
        "memory in many processes",
        "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        x = bytearray(40 << 20); time.sleep(20)\n"
        "time.sleep(20)",
        (MEMORY,),
    ),
    Hostile(
        "memory in a child, quietly",
        "import os\nif os.fork() == 0:\n    x = []\n    while True: x.append(bytearray(4 << 20))\nos.wait()",
        (MEMORY,),
    ),
    Hostile(
        "memory of no process",
        """
import os
try:
    kept = [os.memfd_create("x") for _ in range(60)]
    for fd in kept: os.write(fd, bytes(4 << 20))
except OSError as error: print("denied", error)
""",
        (EXITED, MEMORY),
        says="denied|needed more",
    ),
    Hostile(
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
        (EXITED, MEMORY),
        says="denied|needed more",
    ),
    *[
        Hostile(
            f"fill {place}",
            f"n = 0\ntry:\n    for i in range(99):\n        with open(f'{place}/{{i}}', 'wb', 0) as f: n += f.write(bytes(1 << 20))\n"
            "except OSError as error: print('full', n >> 20, error.errno)",
            exit_code=0,
            says="full [78] 28",
        )
        for place in ("/tmp", "/dev/shm")
    ],
    Hostile(
        "log of a gigabyte",
        "import os\nline = b'x' * 1023 + b'\\n'\nfor _ in range(1 << 14): os.write(1, line * 64)\nprint('end')",
        exit_code=0,
        says=r"x\nend\n\Z",
        limits={"wall_seconds": 30.0},
    ),
    Hostile(
        "descriptors",
        "import os\ntry:\n    while True: os.dup(0)\nexcept OSError as error: print(os.dup2(0, 9), error)",
        exit_code=0,
        says="Too many open",
    ),
    Hostile("quiet loop", "while True: pass", (TIMEOUT,), says="longer than 0.5 s", limits={"wall_seconds": 0.5}),
]

OUTLIVE = [
    Hostile(
        "ignore signals",
        "import signal, os\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
        "while True: pass",
        (TIMEOUT,),
        limits={"wall_seconds": 0.5},
    ),
    Hostile(
        "stop itself",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        (TIMEOUT,),
        limits={"wall_seconds": 0.5},
    ),
    Hostile(
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
        (EXITED,),
        exit_code=0,
    ),
    Hostile(
        "daemon that holds the log",
        "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(60)\n",
        exit_code=0,
    ),
    Hostile(
        "daemon and loop",
        "import os, time\nfor _ in range(3):\n    if os.fork() == 0:\n        os.setsid()\nwhile True: pass",
        (TIMEOUT,),
        limits={"wall_seconds": 0.5},
    ),
    Hostile(
        "kill everyone",
        "import os\nopen('/out/a', 'w')\nfor target in (1, -1):\n    for s in (1, 2, 15, 17, 9):\n"
        "        try: os.kill(target, s)\n        except OSError: pass\n",
        (EXITED,),
        files=("a",),
    ),
    Hostile(
        "take over process 1",
        TRY
        + """
attempt("WROTE", lambda: open("/proc/1/mem", "r+b"))
attempt("LEAK", lambda: os.listdir("/proc/1/fd"))
attempt("LEAK", lambda: os.readlink("/proc/1/exe"))
attempt("LEAK", lambda: open("/proc/1/environ", "rb").read())
call("seize", 101, ctypes.c_long(0x4206), ctypes.c_long(1), 0, 0)
call("attach", 101, ctypes.c_long(16), ctypes.c_long(1), 0, 0)
""",
        exit_code=0,
    ),
    Hostile(
        "write junk into every descriptor",
        r"""
import os
open("/out/a", "w").write("x")
for fd in range(3, 1024):
    for place in (fd, f"/proc/1/fd/{fd}", f"/proc/{os.getppid()}/fd/{fd}"):
        try: os.write(place if isinstance(place, int) else os.open(place, os.O_WRONLY), b"D\0\0\0\0\0\0\0\0\0\0\0\0F\0\1\0\0\0\0\0\0\0\6FORGED.")
        except OSError: pass
os.closerange(0, 1024)
os._exit(4)
""",
        exit_code=4,
        files=("a",),
    ),
    Hostile(
        "delete everything",
        "import os, shutil\nfor place in os.listdir('/'): shutil.rmtree('/' + place, ignore_errors=True)\nos._exit(7)",
        exit_code=7,
    ),
    Hostile("crash", "import ctypes; ctypes.string_at(0)", exit_code=-11),
]

PROGRAMS = [*OUTPUT, *REACH, *EXHAUST, *OUTLIVE]


def _as_nobody(folder: Path) -> list[str]:
    """Command words before a Python script that give another user an interpreter and a repository it can reach."""
    needed = [*(bind.target for bind in interpreter()), ROOT, folder]
    closed = {above for path in needed for above in path.parents if above.stat().st_mode & 0o005 != 0o005}
    words = [str(find_binary(privileged=True)), "--dev-bind", "/", "/"]
    for top in sorted(path for path in closed if not any(other in path.parents for other in closed)):
        words += ["--perms", "0755", "--tmpfs", str(top)]
        for path in needed:
            if path.is_relative_to(top):
                for above in reversed(path.parents):
                    words += ["--perms", "0755", "--dir", str(above)] if above.is_relative_to(top) else []
                words += ["--bind", str(path), str(path)]
    return [*words, "--die-with-parent", "--"]


Attempt = Callable[[Hostile], dict[str, Any]]


@pytest.fixture(scope="module", params=["root", "user"] if is_privileged() else ["user"])
def attempt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attempt]:
    """Runs one program in the sandbox of a process that is root, or an ordinary user."""
    folder, before, user = tmp_path_factory.mktemp("attempts") / "jobs", [], []
    if request.param == "user" and is_privileged():
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
        before, user = _as_nobody(folder), [str(NOBODY)]
    server = subprocess.Popen(
        [*before, sys.executable, str(SERVER), str(folder), *user],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "EVOLVER_CANARY": "the-host-keeps-this", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert server.stdin is not None and server.stdout is not None
    requests, answers = server.stdin, server.stdout

    def run(program: Hostile) -> dict[str, Any]:
        requests.write(json.dumps({"code": program.code, "limits": {**LIMITS, **program.limits}}) + "\n")
        requests.flush()
        answer: dict[str, Any] = json.loads(answers.readline())
        return answer

    yield run
    requests.close()
    assert server.wait(timeout=10) == 0
    answers.close()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_hostile_program(program: Hostile, attempt: Attempt) -> None:
    found = attempt(program)
    assert found["left"] == []
    assert Ending(found["ending"]) in program.endings, found
    assert not TRESPASS.search(found["log"]), found["log"]
    assert re.search(program.says, found["log"] + found["reason"]), found
    if program.exit_code is not None:
        assert found["exit_code"] == program.exit_code, found
    if program.files is not None:
        assert tuple(found["files"]) == program.files, found
    if Ending(found["ending"]) is not EXITED:
        assert found["files"] == {}
    assert sum(found["files"].values()) <= LIMITS["output"]
    assert len(found["log"]) <= LIMITS["log"]
    assert found["seconds"] < {**LIMITS, **program.limits}["wall_seconds"] + 1.0


def test_an_honest_program_passes(attempt: Attempt) -> None:
    found = attempt(Hostile("honest", "print('hello'); open('/out/a', 'w').write('result')"))
    assert (found["ending"], found["exit_code"], found["log"], found["files"], found["left"]) == (
        "exited",
        0,
        "hello\n",
        {"a": 6},
        [],
    )
