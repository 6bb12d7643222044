"""Where this Python lives, and as little beside it as programs need to run it."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OTHERS_MAY_ENTER = 0o005
ENVIRONMENT = ("bin", "etc", "include", "lib", "lib64", "pyvenv.cfg", "share")
"""What a virtual environment consists of; a project around it is no part of it."""
OF_PYTHON = ("lib*/python3*", "lib*/libpython3*", "pyvenv.cfg")
"""What belongs to Python in a folder that holds everything else of its user, too."""
MOST_LINKS = 40


@dataclass(frozen=True)
class Bind:
    """A host path and where it is shown."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Interpreter:
    """What is bound, and the symbolic links outside of it, by place, that lead from `sys.executable` to the binary."""

    binds: tuple[Bind, ...]
    links: dict[Path, Path]
    environments: tuple[Path, ...]
    """Virtual environments of which parts are bound: nothing may be put beside those."""


@cache
def interpreter(shown: tuple[str, ...]) -> Interpreter:
    """This interpreter's installation and environment, at their own paths; not what lies in `shown` anyway."""
    hops = [*_hops(Path(sys.executable)), *_hops(Path(getattr(sys, "_base_executable", sys.executable)))]
    prefixes = [Path(p) for p in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)]
    # A link may lie anywhere, such as in the `bin` of a home; only what is an installation is shown for it.
    prefixes += [hop.parent.parent for hop in hops if hop.parent.name == "bin" and _is_prefix(hop.parent.parent)]
    prefixes += [prefix.resolve() for prefix in prefixes]
    seen, binds = list(map(Path, shown)), list[Bind]()

    def show(target: Path) -> None:
        if target != Path("/") and not any(target.is_relative_to(folder) for folder in seen):
            binds.append(Bind(target.resolve(), target))
            seen.append(target)

    environments = []
    for prefix in sorted({Path(os.path.normpath(prefix)) for prefix in prefixes}):
        if _is_environment(prefix) and not any(prefix.is_relative_to(folder) for folder in seen):
            environments.append(prefix)
        for part in _parts(prefix):
            show(part)
    for hop in hops:
        if not hop.is_symlink() and hop.exists():
            show(hop)
    outside = [hop for hop in hops if hop.is_symlink() and not any(hop.is_relative_to(folder) for folder in seen)]
    return Interpreter(tuple(binds), {hop: _next(hop) for hop in outside}, tuple(environments))


def _hops(path: Path) -> Iterator[Path]:
    """A path and what it leads to, link by link."""
    for _ in range(MOST_LINKS):
        yield path
        if not path.is_symlink():
            break
        path = _next(path)


def _next(link: Path) -> Path:
    path = link.parent / link.readlink()
    return path.parent.resolve() / path.name if ".." in path.parts else path


def _is_prefix(folder: Path) -> bool:
    """Whether this is an environment or an installation of Python: `lib/python3*` alone is also where users' packages
    are.
    """
    return (folder / "pyvenv.cfg").is_file() or any(folder.glob("lib*/python3*/os.py"))


def _parts(prefix: Path) -> Sequence[Path]:
    """The paths of a prefix that are shown: all of an installation, but never what is a user's own."""
    if _is_personal(prefix.resolve()):
        return sorted(path for pattern in OF_PYTHON for path in prefix.glob(pattern))
    if _is_environment(prefix):
        return [prefix / name for name in ENVIRONMENT if (prefix / name).exists()]
    if prefix.stat().st_mode & OTHERS_MAY_ENTER == OTHERS_MAY_ENTER:
        return [prefix]
    # Others may not enter it; the folder that is made for what is in it can be entered.
    return sorted(path for path in prefix.iterdir() if path.exists())


def _is_environment(prefix: Path) -> bool:
    """Whether this is a virtual environment in a folder of its own."""
    return (prefix / "pyvenv.cfg").is_file() and not _is_personal(prefix.resolve())


def _is_personal(folder: Path) -> bool:
    """Whether this is the user's home, a folder above it, or the one in it where the data of all programs are."""
    homes = {Path("~").expanduser().resolve()}
    with suppress(KeyError):
        homes.add(Path(pwd.getpwuid(os.getuid()).pw_dir).resolve())
    return any(home.is_relative_to(folder) or folder == home / ".local" for home in homes)
