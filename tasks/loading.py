"""Tasks from their folders: finding them, and checking that a folder keeps the contract."""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cache
from pathlib import Path

from evolver.errors import TaskError, UsageError
from evolver.settings import Settings, expanded
from evolver.tasks.block_markers import fixed, has_blocks
from evolver.tasks.importers import Choices, ForeignTask, read_foreign, read_pair, what_is_missing
from evolver.tasks.importers import write as write_foreign
from evolver.tasks.importers.task_writer import ORIGIN
from evolver.tasks.integrity import TaskIntegrity
from evolver.tasks.program_tree import fixed_files, program_texts
from evolver.tasks.shown_files import links_out
from evolver.tasks.source_files import tree_of
from evolver.tasks.source_folder import IMPORTED, folder_with_source
from evolver.tasks.spec import TaskSpec
from evolver.tasks.spec_reader import read_spec
from evolver.tasks.task import INPUTS, Task
from evolver.tasks.task_places import HERE, family_place, installed_place, installed_places
from evolver.tasks.top_level_names import may_define

_log = logging.getLogger(__name__)
RUNTIME = HERE / "trial-runtime"
"""Folder that is shown at /evolver inside every sandbox."""
OPEN = ("public", INPUTS)
"""Folders of a task that programs see."""
BUILDS = "builds"
"""Folder below the data folder for built programs."""


@cache
def runtime_modules() -> frozenset[str]:
    """What harnesses and judges may import from that folder."""
    return frozenset(path.stem for path in RUNTIME.glob("*.py"))


def load_task(ref: str | Path, home: Path | None = None) -> Task:
    """Load a task and check that its folder keeps the contract.

    A folder in the format of OpenEvolve, ShinkaEvolve or ASI-Evolve (or of an importer that an installed package adds)
    is made into a task folder below the data folder first.

    Args:
        ref: A task folder, or the name of a task of Evolver's or of an installed package (`-` and `_` alike).
        home: The data folder; None: EVOLVER_HOME, or `.evolver` in the working directory.

    Returns:
        The task; nothing of its code is run.

    Raises:
        UnknownName: There is neither a folder nor an installed task of that name.
        TaskError: The folder does not keep the contract; the message names the file, the field and what to write.

    Example:
        >>> task = evolver.load_task("function-fitting")
        >>> task.metric.name, task.metric.direction
        ('rmse', 'minimize')
        >>> list(task.baseline().files)
        ['program.py']
    """
    path = expanded(ref)
    if not path.is_dir():
        place = family_place(path) or installed_place(str(ref))
        return _load_folder(place.folder.resolve(), home, place.variant)
    path = path.resolve()
    if (path / "task.yaml").exists():
        return _load_folder(with_source(path, home), home)
    foreign = read_foreign(path)
    if foreign is not None:
        return _load_folder(imported_folder(foreign, home), home)
    if said := what_is_missing(path):
        raise TaskError(said)
    return _load_folder(path, home)


def choose_task(ref: str | Path, choices: Choices, home: Path | None = None) -> str:
    """The reference of a task after what was said about a task of another system: of the folder that was made of it.

    Raises UsageError where that was said of something else, and TaskError.
    """
    path = expanded(ref)
    if path.is_file():
        if not choices.evaluator:
            raise UsageError(f"{ref} is a file; name its evaluator too, `evolver run {ref} EVALUATOR`, or its folder")
        return str(imported_folder(read_pair(path.resolve(), choices), home))
    if not choices:
        is_own = path.is_dir() and (path / "task.yaml").exists()
        made = with_source(path.resolve(), home) if is_own else path
        return str(ref) if not is_own or made == path.resolve() else str(made)
    if choices.evaluator or choices.config:
        raise UsageError(
            f"{ref} is no file: an evaluator and --config go with a program, `evolver run PROGRAM EVALUATOR`"
        )
    is_own = not path.is_dir() or (path / "task.yaml").exists()
    foreign = None if is_own else read_foreign(path.resolve(), choices)
    if foreign is None:
        raise UsageError(
            f"--metric, --minimize, --env and --root are about folders of other systems; {ref} is none: its task.yaml "
            "says which metric decides"
        )
    return str(imported_folder(foreign, home))


def imported_folder(foreign: ForeignTask, home: Path | None = None) -> Path:
    """The task folder of another system's task, below the data folder. Raises TaskError."""
    return write_foreign(foreign, (home or Settings().home).resolve() / IMPORTED)


def with_source(path: Path, home: Path | None = None) -> Path:
    """A task's folder, or the one that was made of it where its program is taken from elsewhere. Raises TaskError."""
    spec = read_spec(path / "task.yaml")
    if spec.program.source is None or (path / ORIGIN).exists():
        return path
    return folder_with_source(path, spec, (home or Settings().home).resolve())


def installed_tasks() -> list[Task]:
    """Load the tasks that come with Evolver and with installed packages, whatever packages they require.

    Tasks of other packages whose folders do not keep the contract are left out, with a warning in the log.

    Returns:
        The tasks, by name in alphabetical order.

    Example:
        >>> "circle-packing" in [task.name for task in evolver.installed_tasks()]
        True
    """
    tasks = []
    for _, place in sorted(installed_places().items()):
        try:
            tasks.append(_load_folder(place.folder, variant=place.variant))
        except TaskError as error:
            if place.folder.is_relative_to(HERE):
                raise
            _log.warning("a task of an installed package is left out: %s", error)
    return tasks


def _load_folder(root: Path, home: Path | None = None, variant: str = "") -> Task:
    spec = read_spec(root / "task.yaml", variant)
    for name, signature in (("harness.py", "run(trial)"), ("judge.py", "judge(out, private, stage, seed)")):
        if not (root / name).is_file():
            raise TaskError(f"{root / name} does not exist; write it and define {signature} in it")
        if not may_define(tree_of(root / name), signature.partition("(")[0]):
            raise TaskError(f"{root / name} does not define {signature}; the sandbox calls it")
    texts = program_texts(root, spec)
    for entry in spec.program.entry:
        file, _, function = entry.partition(":")
        if file not in texts:
            raise TaskError(f"{root / 'task.yaml'}: program.entry: baseline/{file} does not exist; write it")
        if not may_define(tree_of(root / "baseline" / file), function):
            raise TaskError(
                f"{root / 'task.yaml'}: program.entry: baseline/{file} defines no {function}; "
                "correct the entry or define it there"
            )
    _check_blocks(root, spec)
    _check_inputs(root, spec)
    try:
        integrity = TaskIntegrity(root, lambda: fixed_files(root, spec))
    except OSError as error:
        raise TaskError(f"{error.filename} cannot be read: {error.strerror}") from None
    links = links_out(root, OPEN)
    version = hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in integrity.digests.items()).encode())
    version.update(variant.encode())
    return Task(
        root=root,
        spec=spec,
        version=version.hexdigest()[:16],
        integrity=integrity,
        warnings=(*links, *_warnings(root / ORIGIN)),
        builds=(home or Settings().home).resolve() / BUILDS if spec.build else None,
    )


def _warnings(origin: Path) -> tuple[str, ...]:
    """What an imported task says of itself; nothing in any other."""
    try:
        return tuple(map(str, json.loads(origin.read_text(encoding="utf-8"))["warnings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _check_blocks(root: Path, spec: TaskSpec) -> None:
    """Raise TaskError where blocks are said to be marked and are not, or not in pairs."""
    texts = program_texts(root, spec) if spec.program.blocks else {}
    if texts and not any(map(has_blocks, texts.values())):
        raise TaskError(
            f"{root / 'task.yaml'}: program.blocks: no file has an EVOLVE-BLOCK-START mark, so nothing "
            "could change; add marks or drop the field"
        )
    for name, text in texts.items():
        try:
            fixed(text)
        except TaskError as error:
            raise TaskError(f"{root / 'baseline' / name}: {error}") from None


def _check_inputs(root: Path, spec: TaskSpec) -> None:
    """Raise TaskError for data that no phase would see."""
    folder = root / INPUTS
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            raise TaskError(
                f"{entry} is shown in no phase; move it into {folder}/PHASE, with PHASE one of {', '.join(spec.phases)}"
            )
        if entry.name not in spec.phases:
            raise TaskError(f"{entry}: task.yaml has no phase {entry.name}; its phases are {', '.join(spec.phases)}")
