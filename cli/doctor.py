"""`evolver doctor`: what this machine offers, and what each missing part costs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.settings import Settings


class Check(Record):
    """One thing that was looked at."""

    what: str
    good: bool
    said: str


def examine(as_json: bool) -> int:
    """Print every check; 1 if a campaign could not run here."""
    from evolver.sandbox.diagnose import diagnose

    sandbox = [Check(what=line.what, good=line.enforced, said=line.how) for line in diagnose()]
    checks = [_python(), _machine(), _home(), _embeddings(), *sandbox]
    essential = all(check.good for check in checks[:4])
    if as_json:
        print(json.dumps({"good": essential, "checks": [check.model_dump() for check in checks]}))
    else:
        for check in checks:
            print(f"{'ok     ' if check.good else 'missing'}  {check.what}: {check.said}")
    return 0 if essential else 1


def _python() -> Check:
    good = sys.version_info >= (3, 11)
    return Check(
        what="Python",
        good=good,
        said=f"{sys.version.split()[0]} at {sys.executable}" + ("" if good else "; Evolver needs 3.11"),
    )


def _machine() -> Check:
    cpus = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Check(
        what="machine",
        good=True,
        said=f"{cpus} CPUs, {memory:.0f} GiB memory, {os.uname().sysname} {os.uname().release}",
    )


def _home() -> Check:
    home = Settings().home.absolute()
    parent = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
        if home.exists():
            from evolver.graph.resolved_run import open_archive

            open_archive(home).close()
    except OSError as error:
        said = f"{home} cannot be written ({error.strerror}); set EVOLVER_HOME to a folder that can"
        return Check(what="data folder", good=False, said=said)
    except UsageError as error:
        return Check(what="data folder", good=False, said=str(error))
    return Check(what="data folder", good=True, said=f"{home}, {shutil.disk_usage(parent).free / 2**30:.0f} GiB free")


def _embeddings() -> Check:
    from evolver.memory import default_embedder

    name = type(default_embedder()).__name__
    return Check(
        what="embeddings",
        good=True,
        said="MiniLM int8 on the CPU, offline"
        if name == "MiniLm"
        else f"{name}: the model package is missing, so retrieval goes by words; install evolver with its needs",
    )
