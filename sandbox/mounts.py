"""What a program sees inside bubblewrap: system, interpreter and inputs read-only, everything else in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath

import evolver
from evolver.registry import task_folders
from evolver.sandbox.base import Limits, Mount
from evolver.sandbox.private_inputs import PrivateInputs
from evolver.sandbox.python_mounts import Bind, interpreter
from evolver.sandbox.toolchains import toolchains

OUT, HOME, LAUNCHER = "/out", "/tmp", "/run/launcher.pyc"  # noqa: S108
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
CONFIGURATION = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
RESERVED = (*SYSTEM, "/etc", "/proc", "/dev", "/run", OUT)


@cache
def own_folders() -> tuple[Path, ...]:
    """Where Evolver itself lives, and tasks that installed packages bring: no program sees a judge, or anything else.

    A folder in the package may be a link, as it is in a checkout, so that each is followed to where it lies.
    """
    found = {Path(place).resolve() for place in evolver.__path__}
    found |= {folder.resolve() for place in tuple(found) for folder in place.iterdir() if folder.is_dir()}
    found |= {folder.resolve() for folder in task_folders()}
    return tuple(sorted(found))


def arguments(
    limits: Limits,
    inputs: PrivateInputs,
    hidden: Sequence[Path],
    files: Mapping[str, int],
    devices: Sequence[Path] = (),
    *,
    unaccounted_memory: bool = True,
) -> list[str]:
    """bwrap's words for the whole file system.

    `hidden` are resolved host paths that stay invisible even below something that is shown; `files` are places
    of small files and descriptors with their contents; `devices` are shown as what they are. Without
    `unaccounted_memory` nothing can be mapped that is memory but no process's; see `filter_program`.
    """
    python = interpreter(SYSTEM)
    scratch = ["--perms", "1777", "--size", str(limits.scratch), "--tmpfs"]
    # In this order, because the interpreter may live below /tmp.
    words = [*_links(), "--proc", "/proc", "--dev", "/dev", *scratch, "/dev/shm", *scratch, HOME]  # noqa: S108
    if not unaccounted_memory:
        # It gives zeros as well, but cannot be mapped.
        words += ["--dev-bind", "/dev/full", "/dev/zero"]
    for device in devices:
        words += ["--dev-bind", str(device), str(device)]
    words += ["--perms", "0777", "--size", str(limits.output), "--tmpfs", OUT]
    for folder in ("/etc", str(Path(LAUNCHER).parent)):
        words += ["--perms", "0755", "--dir", folder]
    for path in CONFIGURATION:
        words += ["--ro-bind-try", path, path]
    for path, descriptor in files.items():
        words += ["--perms", "0444", "--file", str(descriptor), path]
    for environment in python.environments:
        words += [*_opened(environment), "--perms", "0755", "--size", "4096", "--tmpfs", str(environment)]
    tools = [Bind(folder, folder) for folder in toolchains(SYSTEM) if folder not in python.environments]
    words += _shown([*_system(), *tools, *python.binds], hidden)
    for link, goal in python.links.items():
        words += [*_opened(link), "--symlink", str(goal), str(link)]
    for environment in python.environments:
        words += ["--remount-ro", str(environment)]
    words += [word for place in inputs.places for word in _opened(Path(place))] + inputs.words
    words += _shown([Bind(mount.source.resolve(), Path(mount.target)) for mount in inputs.rest], hidden)
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]


def reserved(mounts: Sequence[Mount]) -> Iterator[PurePosixPath]:
    """The targets at which nothing may be mounted."""
    for mount in mounts:
        parts = mount.target.parts
        if not mount.target.is_absolute() or ".." in parts or len(parts) == 1 or f"/{parts[1]}" in RESERVED:
            yield mount.target


def _system() -> list[Bind]:
    folders = [Path(folder) for folder in SYSTEM]
    return [Bind(folder, folder) for folder in folders if folder.is_dir() and not folder.is_symlink()]


def _links() -> list[str]:
    words = []
    for folder in map(Path, SYSTEM):
        if folder.is_symlink():
            words += ["--symlink", str(folder.readlink()), str(folder)]
    return words


def _opened(target: Path) -> list[str]:
    """The folders above a place; left to itself bwrap makes them as private as they are outside."""
    return [word for above in reversed(target.parents[:-1]) for word in ("--perms", "0755", "--dir", str(above))]


def _shown(binds: Sequence[Bind], hidden: Sequence[Path]) -> list[str]:
    """Read-only binds, each followed by covers over what lies below it and must not be seen."""
    words = []
    for bind in binds:
        words += [*_opened(bind.target), "--ro-bind", str(bind.source), str(bind.target)]
        for path in _outermost(bind.source, tuple(hidden)):
            target = str(bind.target / path.relative_to(bind.source))
            if path.is_dir():
                words += ["--perms", "0755", "--size", "4096", "--tmpfs", target, "--remount-ro", target]
            elif path.exists():
                words += ["--ro-bind", "/dev/null", target]
    return words


@cache
def _outermost(source: Path, hidden: tuple[Path, ...]) -> tuple[Path, ...]:
    """The hidden places below a folder, without those that lie in another of them."""
    below = sorted(path for path in hidden if path != source and path.is_relative_to(source))
    return tuple(path for number, path in enumerate(below) if not any(map(path.is_relative_to, below[:number])))
