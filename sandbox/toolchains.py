"""Compilers and interpreters of other languages that lie outside the system's folders, such as in a user's home."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

TOOLS = ("cargo", "rustc", "go", "julia", "Rscript", "nvcc", "zig", "node")
"""What is looked for on this process's PATH."""


@cache
def toolchains(shown: tuple[str, ...]) -> tuple[Path, ...]:
    """The installations of those tools that do not lie in `shown`, each with a folder `bin`."""
    found = dict[Path, None]()
    for tool in TOOLS:
        place = shutil.which(tool)
        folder = None if place is None else _installation(Path(place))
        if folder is not None and not any(folder.is_relative_to(above) for above in shown):
            found[folder] = None
    return tuple(found)


def search_path(folders: Sequence[Path], python: Path) -> str:
    """The PATH of programs: this Python's, the system's, and those of the toolchains."""
    return ":".join(
        [str(python.parent), "/usr/local/bin", "/usr/bin", "/bin", *(str(place / "bin") for place in folders)]
    )


def _installation(tool: Path) -> Path | None:
    """The folder above a tool's `bin`; None where that is a user's own, which holds other things too."""
    if tool.resolve().name == "rustup":
        return _of_rustup()
    folder = tool.resolve().parent
    home = Path("~").expanduser().resolve()
    personal = home.is_relative_to(folder.parent) or folder.parent == home / ".local"
    return folder.parent if folder.name == "bin" and not personal else None


def _of_rustup() -> Path | None:
    """The toolchain that rustup's stand-ins start."""
    root = Path(os.environ.get("RUSTUP_HOME") or Path("~/.rustup").expanduser())
    try:
        name = str(tomllib.loads((root / "settings.toml").read_text(encoding="utf-8"))["default_toolchain"])
    except (OSError, ValueError, KeyError):
        return None
    folder = root / "toolchains" / os.environ.get("RUSTUP_TOOLCHAIN", name)
    return folder.resolve() if (folder / "bin").is_dir() else None
