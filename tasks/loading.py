"""Tasks from their folders: finding them, checking the folder, and knowing when it has changed."""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from evolver.contracts import Metric, Program
from evolver.errors import TaskError, UnknownName, UsageError
from evolver.registry import task_folders
from evolver.settings import Settings, expanded
from evolver.tasks.block_markers import fixed, has_blocks
from evolver.tasks.importers import Choices, ForeignTask, read_foreign, read_pair, what_is_missing
from evolver.tasks.importers import write as write_foreign
from evolver.tasks.importers.task_writer import ORIGIN
from evolver.tasks.integrity import TaskIntegrity
from evolver.tasks.shown_files import links_out
from evolver.tasks.source_files import text_of, tree_of
from evolver.tasks.spec import STAGES, ResourcesSpec, StageSpec, TaskSpec, read_spec
from evolver.tasks.top_level_names import may_define

HERE = Path(__file__).resolve().parent
_log = logging.getLogger(__name__)
RUNTIME = HERE / "trial-runtime"
"""Folder that is shown at /evolver inside every sandbox."""
INPUTS = "inputs"
"""Folder of a task with one folder a phase, shown at /inputs in that phase alone."""


OPEN = ("public", INPUTS)
"""Folders of a task that programs see."""
IMPORTED = "imported"
"""Folder below the data folder for tasks made from other systems' folders."""


@dataclass(frozen=True)
class Task:
    """A task folder that keeps the contract: what to improve, from which baseline, measured how.

    Made by `evolver.load_task`.
    """

    root: Path
    """The folder."""
    spec: TaskSpec
    """The content of its task.yaml."""
    version: str
    """Hash of all that decides a score besides the program: task.yaml, harness, judge, and the data of every kind."""
    integrity: TaskIntegrity = field(repr=False, compare=False)
    """Those files as they were when the task was loaded."""
    warnings: tuple[str, ...] = ()
    """What whoever runs it should know before."""

    @cached_property
    def scope(self) -> str:
        """Hash of what scores mean: the metric, the interface, harness, judge and further code of theirs, not the data.

        What was learned under one scope may be told under it, whatever the task is called.
        """
        code = {name: digest for name, digest in self.integrity.digests.items() if name.endswith(".py")}
        means = {"metric": self.metric.model_dump(mode="json"), "entry": self.spec.program.entry, "code": code}
        return hashlib.sha256(json.dumps(means, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Kebab-case name."""
        return self.spec.name

    @property
    def metric(self) -> Metric:
        """What the judge measures and campaigns improve."""
        return self.spec.metric

    @property
    def stages(self) -> list[StageSpec]:
        """From the cheapest to the most expensive."""
        return sorted(self.spec.stages, key=lambda stage: STAGES.index(stage.name))

    @property
    def deciding_stage(self) -> StageSpec:
        """The stage whose metric decides unless a campaign says otherwise."""
        return self.stage(self.spec.decides) if self.spec.decides else self.stages[-1]

    def stages_to(self, name: str = "") -> list[StageSpec]:
        """The stages that a trial climbs to get to one of them.

        Args:
            name: The last stage; empty: the deciding one.

        Returns:
            The stages from the cheapest to that one.

        Raises:
            UnknownName: The task has no such stage.
        """
        last = self.stage(name) if name else self.deciding_stage
        return self.stages[: self.stages.index(last) + 1]

    def resources(self, stage: StageSpec) -> ResourcesSpec:
        """What each phase may use in a stage.

        Args:
            stage: One of `stages`.

        Returns:
            The stage's own resources, or else the task's.
        """
        return stage.resources or self.spec.resources

    def stage(self, name: str) -> StageSpec:
        """One of the stages.

        Args:
            name: `smoke`, `proxy` or `full`.

        Returns:
            What the stage allows.

        Raises:
            UnknownName: The task has no such stage.
        """
        for stage in self.spec.stages:
            if stage.name == name:
                return stage
        known = ", ".join(stage.name for stage in self.stages)
        raise UnknownName(f"task {self.name} has no stage {name!r}; it has {known}")

    @property
    def notes(self) -> Path | None:
        """Folder of the task's own notes, if it has any."""
        folder = self.root / "notes"
        return folder if folder.is_dir() else None

    @property
    def is_imported(self) -> bool:
        """Whether its score is what another system's evaluator, or a script, says beside the program."""
        return (self.root / ORIGIN).is_file()

    @property
    def data_by_seed(self) -> bool:
        """Whether the judge, or the harness beyond seeding random numbers, uses the seed: each may have other data."""
        return not self.is_imported and any(_uses_seed(self.root / name) for name in ("judge.py", "harness.py"))

    def baseline(self) -> Program:
        """The program that a campaign starts from, read now.

        Returns:
            The files below `baseline/` that the task lists.

        Raises:
            TaskError: A file is gone or no text.
        """
        return Program(files=_baseline_texts(self.root, self.spec))

    def comparisons(self) -> dict[str, Program]:
        """Plain methods to compare a campaign with: compare/*.py, each in the place of the entry file.

        Returns:
            The programs, by the files' names without their endings.
        """
        return self._variants("compare")

    def references(self) -> dict[str, Program]:
        """Known methods of the field: references/*.py, each in the place of the entry file.

        Returns:
            The programs, by the files' names without their endings.
        """
        return self._variants("references")

    def cheats(self) -> dict[str, Program]:
        """Programs that go for the score instead of the work: cheats/*.py; `evolver task check` tries them.

        Returns:
            The programs, by the files' names without their endings.
        """
        return self._variants("cheats")

    def _variants(self, folder: str) -> dict[str, Program]:
        baseline, entry = _baseline_texts(self.root, self.spec), self.spec.program.main
        return {
            path.stem: Program(files={**baseline, entry: text_of(path)})
            for path in sorted((self.root / folder).glob("*.py"))
        }

    def inputs(self, phase: str) -> Path | None:
        """Folder of the data that programs may read in one phase alone.

        Args:
            phase: One of `spec.phases`.

        Returns:
            The folder, or None where the phase has none.
        """
        folder = self.root / INPUTS / phase
        return folder if folder.is_dir() else None

    def changed(self) -> list[str]:
        """Files behind `version` that were changed, added or removed since loading.

        Costs a look at each file's times; only files that were touched are read.

        Returns:
            Their paths, relative to `root`.
        """
        return self.integrity.broken()


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
        return _load_folder(_installed_folder(str(ref)).resolve())
    path = path.resolve()
    if (path / "task.yaml").exists():
        return _load_folder(path)
    foreign = read_foreign(path)
    if foreign is not None:
        return _load_folder(imported_folder(foreign, home))
    if said := what_is_missing(path):
        raise TaskError(said)
    return _load_folder(path)


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
        return str(ref)
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
    for _, folder in sorted(_installed_folders().items()):
        try:
            tasks.append(_load_folder(folder))
        except TaskError as error:
            if folder.parent == HERE:
                raise
            _log.warning("a task of an installed package is left out: %s", error)
    return tasks


def _installed_folders() -> dict[str, Path]:
    """Folders by the names of their tasks; Evolver's own cannot be replaced."""
    found: dict[str, Path] = {}
    for place in task_folders():
        folders = [place] if (place / "task.yaml").is_file() else [path.parent for path in place.glob("*/task.yaml")]
        for folder in sorted(folders):
            name = folder.name.replace("_", "-")
            if found.setdefault(name, folder) != folder:
                _log.warning("two packages bring a task %s: %s is left out", name, folder)
    return found | {path.parent.name: path.parent for path in HERE.glob("*/task.yaml")}


def _installed_folder(ref: str) -> Path:
    folders, name = _installed_folders(), ref.replace("_", "-")
    if name in folders:
        return folders[name]
    near = difflib.get_close_matches(name, folders, n=1)
    raise UnknownName(
        f"there is no task folder and no installed task {ref!r}; "
        + (f"did you mean {near[0]}?" if near else f"installed are {', '.join(sorted(folders))}")
    )


def _load_folder(root: Path) -> Task:
    spec = read_spec(root / "task.yaml")
    for name, signature in (("harness.py", "run(trial)"), ("judge.py", "judge(out, private, stage, seed)")):
        if not (root / name).is_file():
            raise TaskError(f"{root / name} does not exist; write it and define {signature} in it")
        if not may_define(tree_of(root / name), signature.partition("(")[0]):
            raise TaskError(f"{root / name} does not define {signature}; the sandbox calls it")
    _baseline_texts(root, spec)
    for entry in spec.program.entry:
        file, _, function = entry.partition(":")
        if not may_define(tree_of(root / "baseline" / file), function):
            raise TaskError(
                f"{root / 'task.yaml'}: program.entry: baseline/{file} defines no {function}; "
                "correct the entry or define it there"
            )
    _check_blocks(root, spec)
    _check_inputs(root, spec)
    try:
        integrity = TaskIntegrity(root)
    except OSError as error:
        raise TaskError(f"{error.filename} cannot be read: {error.strerror}") from None
    links = links_out(root, OPEN)
    version = hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in integrity.digests.items()).encode())
    return Task(
        root=root,
        spec=spec,
        version=version.hexdigest()[:16],
        integrity=integrity,
        warnings=(*links, *_warnings(root / ORIGIN)),
    )


def _uses_seed(path: Path) -> bool:
    """Whether a file reads a name or an attribute `seed`; that it takes one as a parameter does not count."""
    return any(
        (isinstance(node, ast.Name) and node.id == "seed" and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr == "seed")
        for node in ast.walk(tree_of(path))
    )


def _warnings(origin: Path) -> tuple[str, ...]:
    """What an imported task says of itself; nothing in any other."""
    try:
        return tuple(map(str, json.loads(origin.read_text(encoding="utf-8"))["warnings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _check_blocks(root: Path, spec: TaskSpec) -> None:
    """Raise TaskError where blocks are said to be marked and are not, or not in pairs."""
    texts = _baseline_texts(root, spec) if spec.program.blocks else {}
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


def _baseline_texts(root: Path, spec: TaskSpec) -> dict[str, str]:
    texts = {}
    for name in spec.program.files:
        path = root / "baseline" / name
        if not path.is_file():
            raise TaskError(
                f"{root / 'task.yaml'}: program.files: {path} does not exist; write it or drop it from the list"
            )
        texts[name] = text_of(path)
    return texts
