"""Whether a score came from the candidate, or from the example's own copy of the program that it was made from."""

import importlib.machinery
import os
import resource
from pathlib import Path

LONG_AGO = 10**9
"""A time of last access, in seconds since 1970, that any reading replaces."""


def forget_readings(*files):
    """Date the last access of files back; whether this file system says when they are read."""
    for file in files:
        os.utime(file, (LONG_AGO, file.stat().st_mtime))
    probe = files[0].with_name(f".{files[0].name}.probe")
    probe.write_text("x")
    try:
        os.utime(probe, (LONG_AGO, probe.stat().st_mtime))
        probe.read_text()
        return was_read(probe)
    finally:
        probe.unlink()


def was_read(file):
    """Whether a file was opened for reading since."""
    return file.is_file() and file.stat().st_atime > LONG_AGO


class Imports:
    """Remembers which of two files Python imports in this process, and under which names."""

    def __init__(self, candidate, original):
        self._candidate, self._original = Path(candidate).parent.resolve(), Path(original).resolve()
        self.candidate, self.original_by_name = False, False
        plain = importlib.machinery.SourceFileLoader.exec_module

        def exec_module(loader, module):
            self._note(Path(loader.path).resolve(), module.__name__)
            return plain(loader, module)

        importlib.machinery.SourceFileLoader.exec_module = exec_module

    def _note(self, path, name):
        if path.parent == self._candidate:
            self.candidate = True
        elif path == self._original and name.rpartition(".")[2] == path.stem:
            self.original_by_name = True

    def complaint(self):
        """Why the score is not the candidate's; empty if nothing speaks against it."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        if not self.original_by_name or self.candidate or children.ru_maxrss:
            return ""
        return complaint(self._original)


def complaint(original):
    """What is said where the original was run in the candidate's place."""
    return (
        f"the evaluator imported {original.name} of the example's own folder, not the candidate: every program would "
        "get that one's score; have it load the file whose path it is given"
    )
