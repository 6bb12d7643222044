"""What of a task's folder is shown inside, and what of it is hashed: the same walk, with links bound to their goals.

A link that stays inside the folder that is shown means the same inside. One that leaves it would lead to nothing there,
so its goal is shown, and hashed, in its place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from evolver.errors import TaskError

MOST = 256
"""Places that one folder may be put together from; each is a mount of its own."""
CACHES = "__pycache__"


class ShownFile(NamedTuple):
    """A file or folder, and where it appears below the place of the whole."""

    place: PurePosixPath
    source: Path


def shown(source: Path) -> list[ShownFile]:
    """What stands for a file or folder inside: itself, or its parts where links lead out of it.

    Links to nothing are left out. Raises TaskError naming a link that leads back to where it stands, or a folder with
    too many parts.
    """
    base = source.resolve()
    parts = (
        list(_parts(base, base, PurePosixPath(), (base,), source))
        if base.is_dir()
        else [ShownFile(PurePosixPath(), base)]
    )
    if len(parts) > MOST:
        raise TaskError(
            f"{source}: links in it lead elsewhere, so it would be shown in {len(parts)} parts, more than {MOST}; put "
            "the files themselves there, or let the folder as a whole be the link"
        )
    return parts


def files_of(source: Path) -> Iterator[tuple[str, Path]]:
    """Every file that is shown, by its place relative to the whole; Python's own caches are none."""
    for part in shown(source):
        if not part.source.is_dir():
            yield str(part.place), part.source
            continue
        for folder, below, names in os.walk(part.source):
            below[:] = [name for name in below if name != CACHES]
            inside = part.place / Path(folder).relative_to(part.source).as_posix()
            for name in names:
                yield str(inside / name), Path(folder, name)


def links_out(root: Path, names: tuple[str, ...]) -> list[str]:
    """Links in what programs see of a task that lead out of its folder, in words.

    Raises TaskError for a link by which programs would see what only the judge may.
    """
    found, inside, private = [], root.resolve(), (root / "private").resolve()
    for name in names:
        for part in shown(root / name) if (root / name).exists() else []:
            if part.source.is_relative_to(private) or private.is_relative_to(part.source):
                raise TaskError(
                    f"{root / name / part.place} is a link into {private}, which programs must not see; remove it"
                )
            if part.place != PurePosixPath() and not part.source.is_relative_to(inside):
                found.append(f"{name}/{part.place} is a link to {part.source}, which programs can read")
    return found


def _parts(folder: Path, base: Path, place: PurePosixPath, above: tuple[Path, ...], whole: Path) -> Iterator[ShownFile]:
    """A folder as it is, or its parts where any link below it leaves `base`."""
    if not _leaves(folder, base):
        yield ShownFile(place, folder)
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        at, path = place / entry.name, Path(entry.path)
        if entry.name == CACHES:
            continue
        try:
            goal = path.resolve(strict=True)
        except (OSError, RuntimeError):
            continue
        if not goal.is_dir():
            if goal.is_file():
                yield ShownFile(at, goal)
        elif not entry.is_symlink():
            yield from _parts(path, base, at, above, whole)
        elif any(upper.is_relative_to(goal) for upper in (*above, folder)):
            raise TaskError(f"{whole}: {at} is a link to {goal}, a folder that holds it; remove it")
        else:
            yield from _parts(goal, goal, at, (*above, goal), whole)


def _leaves(folder: Path, base: Path) -> bool:
    """Whether some link below leads out of the whole, or is absolute, so that it would lead to nothing inside."""
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if _leads_out(Path(entry.path), base):
                        return True
                elif entry.name != CACHES and entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return False


def _leads_out(link: Path, base: Path) -> bool:
    try:
        goal = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return link.readlink().is_absolute() or not goal.is_relative_to(base)
