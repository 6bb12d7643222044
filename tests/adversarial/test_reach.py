"""Programs that reach for what is not theirs: files, processes, the network, the kernel."""

from __future__ import annotations

from typing import Any

import pytest


def case(name: str, code: str, **expected: Any) -> Any:
    """A hostile program and what must become of it; see the fixture `fight`."""
    return pytest.param(code, expected, id=name)


PROGRAMS = [
    case(
        "write everywhere",
        """
places = ["/x", "/usr/x", "/etc/passwd", "/etc/x", "/bin/x", "/run/launcher.pyc", "/dev/x", "/dev/null/x",
          "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/1/oom_score_adj",
          os.environ["HOST_HOME"] + "/evil", "/home/evil", "/var/tmp/evil",
          sys.prefix + "/evil", os.__file__, os.environ["HIDDEN_FILE"], "/sys/fs/cgroup/evil", "/proc/1/mem"]
for place in places: attempt("WROTE " + place, lambda: open(place, "r+" if os.path.exists(place) else "w"))
for place in ("/tmp/evil", "/dev/shm/evil", "/out/fine"): open(place, "w").write("x")
""",
        tools=True,
        exit_code=0,
        files=("fine",),
    ),
    case(
        "read the host",
        """
import glob
for place in (os.environ["HIDDEN_FILE"], "/etc/shadow", "/etc/machine-id", os.environ["HOST_HOME"] + "/.bashrc",
              os.environ["HOST_HOME"] + "/.ssh",
              # An image has these of its own, and the kernel's list of kinds of devices.
              *(("/home", "/var/log", "/sys/class") if os.environ["BACKEND"] != "docker" else ()),
              "/proc/kcore", "/dev/mem", "/dev/vda", "/dev/sda", "/proc/1/environ"):
    attempt("LEAK " + place, lambda: open(place, "rb").read(10) if not os.path.isdir(place) else os.listdir(place))
for top, folders, names in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/usr")]
    if "secret" in names or "tasks" in folders and "benchmarks" in folders: print("LEAK", top)
""",
        tools=True,
        exit_code=0,
    ),
    case(
        "import evolver",
        """
attempt('LEAK', lambda: __import__('evolver.contracts'))
attempt('LEAK', lambda: __import__('evolver.sandbox.base'))
""",
        tools=True,
    ),
    case(
        "environment of others",
        """
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        try: data = open(f"/proc/{pid}/{name}", "rb").read()
        except OSError: continue
        if b"EVOLVER_" + b"CANARY=" in data or b"attempt" + b".py" in data: print("LEAK", pid, name)
if any("CANARY" in name for name in os.environ) or len(os.listdir("/proc/self/fd")) > 4: print("LEAK", os.environ)
print(sorted(filter(str.isdigit, os.listdir("/proc"))))
""",
        tools=True,
        exit_code=0,
        says=r"\['1', '\d+'\]",
    ),
    case(
        "network",
        """
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
        tools=True,
        exit_code=0,
    ),
    case(
        "system calls",
        """
import platform
x86 = platform.machine() == "x86_64"
nothing = [ctypes.c_long(0)] * 5
for name, a, b in (("ptrace", 101, 117), ("mount", 165, 40), ("umount", 166, 39), ("unshare", 272, 97),
                   ("setns", 308, 268), ("bpf", 321, 280), ("keyctl", 250, 219), ("add_key", 248, 217),
                   ("userfaultfd", 323, 282), ("perf", 298, 241), ("reboot", 169, 142), ("chroot", 161, 51),
                   ("pivot", 155, 41), ("handle", 304, 265), ("readv", 310, 270), ("writev", 311, 271),
                   ("uring", 425, 425), ("open_tree", 428, 428), ("fsopen", 430, 430), ("getfd", 438, 438),
                   ("secret", 447, 447)):
    call(name, a if x86 else b, *nothing)
for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000):
    call("unshare", 272 if x86 else 97, ctypes.c_long(flag))
    call("clone", 56 if x86 else 220, ctypes.c_long(flag | 17), *nothing[1:])
call("clone3", 435, ctypes.create_string_buffer(88), ctypes.c_long(88))
""",
        tools=True,
        exit_code=0,
    ),
    case(
        "become root",
        """
attempt("DID", lambda: os.setuid(0))
attempt("DID", lambda: os.setresuid(0, 0, 0))
attempt("DID", lambda: os.setgroups([0]))
for binary in ("su", "mount", "passwd", "newgrp", "sudo"):
    if os.path.exists("/usr/bin/" + binary):
        os.system(f"echo | timeout 2 /usr/bin/{binary} -c id 2>/dev/null | sed s/uid=0/DID/")
attempt("DID", lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (5000, 5000)))
print(open("/proc/self/status").read())
""",
        tools=True,
        says=r"CapEff:\s0+\nCapBnd:\s0+\nCapAmb:\s0+\nNoNewPrivs:\s1\nSeccomp:\s2",
    ),
]


@pytest.mark.parametrize(("code", "expected"), PROGRAMS)
def test_hostile_program(code: str, expected: dict[str, Any], fight: Any) -> None:
    fight(code, **expected)
