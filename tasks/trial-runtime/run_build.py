"""Builds a program: copies /program, runs a command there, and leaves what came of it as /out/built.tar.

Started as `python /evolver/run_build.py COMMAND`; exit status and output are the command's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN))

from evolver_trial import folder, writable_copy  # noqa: E402

TIMES = 946_684_800
"""Of all files in the archive, in seconds since 1970, so that the same files give the same bytes."""


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """An entry without owner and times; None for what is neither a file nor a folder nor a link."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = TIMES
    return entry if entry.isfile() or entry.isdir() or entry.issym() or entry.islnk() else None


def main(command: str) -> int:
    """Run the command; its exit status."""
    place = Path(os.environ.get("TMPDIR") or "/tmp") / "program"
    writable_copy(folder("program"), place)
    status = subprocess.run(["/bin/sh", "-c", command], cwd=place, check=False).returncode
    if status == 0:
        with tarfile.open(folder("out") / "built.tar", "w") as archive:
            archive.add(place, arcname=".", filter=plain)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
