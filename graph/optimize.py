"""One function call: improve a text or some files by a Python function that evaluates them."""

from __future__ import annotations

import html
import importlib
import inspect
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import Progress

from evolver.contracts import Direction, Event, Experiment, Program
from evolver.errors import TaskError, UsageError
from evolver.graph.context import Context
from evolver.graph.existing_archive import open_archive
from evolver.graph.streaming import stream
from evolver.graph.summary_record import ScoredExperiment, Summary
from evolver.settings import Settings
from evolver.tasks.importers import ForeignTask
from evolver.tasks.importers.foreign_files import task_name
from evolver.tasks.loading import imported_folder

Evaluate = Callable[..., Any]
MAIN, PICKLE = "program.py", "evaluate.pickle"
SECONDS = 60.0
"""Limit of an evaluation unless another is given."""
FORGEABLE = (
    "evolver.optimize: function and candidate share a process, so a score can be forged; read the best program before "
    "you believe it."
)
_INSTALLED = ("site-packages", "dist-packages")


class BestProgram(ScoredExperiment):
    """The champion with its program."""

    program: str
    """Its text; of several files, the first one's."""
    files: dict[str, str]
    """All of its files."""


class Optimized(Summary):
    """What `evolver.optimize` gives: the outcome of its campaign, with the best program."""

    best: BestProgram
    """The best program with evidence; the seed, where nothing was better."""
    history: tuple[Experiment, ...] = ()
    """All experiments, the seed's first."""

    def dataframe(self) -> Any:
        """The experiments as a table of pandas, one row each.

        Returns:
            A pandas.DataFrame with the columns number, score, standing, operator and change.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise UsageError(
                "dataframe() needs pandas: pip install pandas; `.history` has the same without it"
            ) from None
        return pandas.DataFrame(self._rows(), columns=["number", "score", "standing", "operator", "change"])

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (e.number, e.score, str(e.standing), e.proposal.operator if e.proposal else "", e.proposal.plan)
            for e in self.history
            if e.proposal
        ]

    def _repr_html_(self) -> str:
        """What a notebook shows: the scores, and the best program."""
        start = f"{self.baseline.mean:.6g}" if self.baseline else "no score"
        return (
            f"<p><b>{html.escape(self.metric)}</b> ({self.direction}): {start} &rarr; <b>{self.best.mean:.6g}</b> "
            f"after {self.experiments} experiments (experiment {self.best.number})</p>"
            f"<pre>{html.escape(self.best.program)}</pre>"
        )


def optimize(
    seed: str | Mapping[str, str],
    evaluate: Evaluate,
    *,
    metric: str = "score",
    direction: Direction = "maximize",
    notes: Sequence[str] = (),
    budget: int = 60,
    model: str | None = None,
    summary: str = "",
    seconds: float = SECONDS,
    home: str | Path | None = None,
    quiet: bool = False,
    **more: Any,
) -> Optimized:
    """Improve a program by a function that says how good it is.

    The function is run in the sandbox, in a process of its own, on every candidate. It shares that process with the
    candidate: a score can be forged, so read the best program before you believe it.

    Args:
        seed: The program to begin with: its text, or texts by file name, the one that is imported first.
        evaluate: Takes the candidate's module, or its path where the parameter is called `path`, `program_path` or
            the like; with a parameter `seed` it is called with several. Returns a number, a dict of numbers and texts,
            or a number with such a dict.
        metric: The name of the number that decides, in the dict.
        direction: Whether more or less of it is better.
        notes: Texts, or paths of files, that whoever proposes should know.
        budget: Experiments.
        model: PROVIDER:NAME of a language model that proposes; None: search operators alone.
        summary: What is to be improved, in words.
        seconds: Wall-clock limit of one evaluation.
        home: The data folder; None: EVOLVER_HOME, or `.evolver` in the working directory.
        quiet: Show no progress.
        more: Further fields of `evolver.Context`, such as `workers` or `sandbox`.

    Returns:
        The outcome; `.best.program` is the best text, `.dataframe()` has all experiments.

    Raises:
        UsageError: The function cannot be pickled, or an argument cannot be.
        WorkFailed: The seed gets no score.

    Example:
        >>> found = evolver.optimize(
        ...     "X = 1.0\\n\\n\\ndef f():\\n    return X\\n",
        ...     lambda program: -abs(program.f() - 3.0), budget=3, home="results", workers=1, quiet=True)
        >>> found.best.mean >= found.baseline.mean
        True
    """
    files = {MAIN: seed} if isinstance(seed, str) else dict(seed)
    if not files:
        raise UsageError("seed: give a text, or at least one file by name")
    folder = Path(home) if home is not None else Settings().home
    with tempfile.TemporaryDirectory(prefix="evolver-optimize-") as place:
        task = _task(Path(place), files, evaluate, metric, direction, summary, seconds)
        root = imported_folder(task, folder)
    texts = [_as_file(root, number, note) for number, note in enumerate(notes)]
    context = Context(
        task=str(root), experiments=budget, home=folder, notes=tuple(texts), models=(model,) if model else (), **more
    )
    if not quiet:
        print(FORGEABLE, file=sys.stderr)
    return _with_program(_followed(context, budget, quiet=quiet), folder)


C = TypeVar("C", bound=type)


def task(described: C) -> C:
    """Make a class that has a `seed` and an `evaluate` something to be run: the same as `optimize`, written down.

    Args:
        described: The class. Its docstring says what is to be improved.

    Returns:
        The class, with `run(**more)`, which takes what `optimize` takes and gives what it gives.

    Raises:
        UsageError: It has no seed or no evaluate.

    Example:
        >>> @evolver.task
        ... class Three:
        ...     '''Bring f() near to three.'''
        ...     seed = "X = 1.0\\n\\n\\ndef f():\\n    return X\\n"
        ...     def evaluate(self, program):
        ...         return -abs(program.f() - 3.0)
        >>> Three.run(budget=2, home="results", workers=1, quiet=True).experiments
        2
    """
    for name in ("seed", "evaluate"):
        if not hasattr(described, name):
            raise UsageError(f"{described.__name__} has no {name}; evolver.task needs a seed and an evaluate")

    def run(_: type[Any], /, **more: Any) -> Optimized:
        taken = ("metric", "direction", "notes", "budget", "model", "seconds")
        own = {name: getattr(described, name) for name in taken if hasattr(described, name)}
        words = inspect.cleandoc(described.__doc__ or "")
        return optimize(
            described.seed,  # type: ignore[attr-defined]
            _function_of(described),
            **{"summary": words, **own, **more},
        )

    setattr(described, "run", classmethod(run))  # noqa: B010
    return described


def _function_of(described: type) -> Evaluate:
    """The class's evaluate: as it is where it is static, else of an instance of the class without what was added."""
    if isinstance(inspect.getattr_static(described, "evaluate"), staticmethod):
        function: Evaluate = described.evaluate  # type: ignore[attr-defined]
        return function
    own = {name: value for name, value in vars(described).items() if name not in ("run", "__dict__", "__weakref__")}
    bound: Evaluate = type(described.__name__, described.__bases__, own)().evaluate
    return bound


def _task(
    place: Path,
    files: dict[str, str],
    evaluate: Evaluate,
    metric: str,
    direction: Direction,
    summary: str,
    seconds: float,
) -> ForeignTask:
    (place / PICKLE).write_bytes(_pickled(evaluate))
    name = getattr(evaluate, "__name__", "function")
    main, *others = files
    return ForeignTask(
        system="your own function",
        runner="function",
        folder=place,
        name=task_name(Path(f"optimize-{name if name.isidentifier() else 'lambda'}")),
        summary=summary or inspect.getdoc(evaluate) or f"Improve the program: {direction} {metric}.",
        program=main,
        text=files[main],
        more_files={other: files[other] for other in others},
        entry=(),
        metric=metric,
        direction=direction,
        seconds={"full": seconds},
        replicates=5 if _has_parameter(evaluate, "seed") else 1,
        requires=("cloudpickle",),
        imports=(),
        options={"by_path": _wants_path(evaluate), "original": ""},
    )


def _pickled(evaluate: Evaluate) -> bytes:
    """The function by value, with what it needs of its own module. Raises UsageError."""
    import cloudpickle  # type: ignore[import-untyped]

    module = inspect.getmodule(evaluate)
    by_value = module is not None and not any(part in str(getattr(module, "__file__", "")) for part in _INSTALLED)
    registered = by_value and module is not None and module.__name__ != "__main__"
    try:
        if registered:
            cloudpickle.register_pickle_by_value(module)
        return bytes(cloudpickle.dumps(evaluate))
    except Exception as error:
        raise UsageError(f"evaluate cannot be handed to the sandbox: {type(error).__name__}: {error}") from error
    finally:
        if registered:
            cloudpickle.unregister_pickle_by_value(module)


def _wants_path(evaluate: Evaluate) -> bool:
    try:
        first = next(iter(inspect.signature(evaluate).parameters.values()), None)
    except (TypeError, ValueError):
        return False
    return first is not None and ("path" in first.name or first.annotation in (str, Path, "str", "Path"))


def _has_parameter(evaluate: Evaluate, name: str) -> bool:
    try:
        return name in inspect.signature(evaluate).parameters
    except (TypeError, ValueError):
        return False


def _as_file(root: Path, number: int, note: str) -> str:
    """A note's path; a text is written to a file first."""
    if "\n" not in note and Path(note).exists():
        return note
    path = root.with_name(f"{root.name}-notes") / f"note-{number}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(note, encoding="utf-8")
    return str(path)


def _followed(context: Context, budget: int, *, quiet: bool) -> Summary:
    """The campaign's outcome, with a bar of its progress in terminals and notebooks."""
    outcome: Summary | None = None
    with Progress(disable=quiet) as progress:
        bar = progress.add_task("experiments", total=budget + 1)
        for item in stream(context):
            if isinstance(item, Event):
                progress.advance(bar, item.kind == "concluded")
            else:
                outcome = item
    if outcome is None:
        raise TaskError("the campaign ended without an outcome")
    return outcome


def _with_program(summary: Summary, home: Path) -> Optimized:
    with open_archive(home) as archive:
        history = tuple(archive.experiments.list(summary.campaign))
        assert summary.best is not None, "a campaign without a champion has failed before"
        key = archive.experiments.get(summary.best.id).program
        assert key is not None
        program: Program = archive.programs.get(key)
    files = program.files
    first = MAIN if MAIN in files else next(iter(files))
    best = BestProgram(**dict(summary.best), program=files[first], files=files)
    return Optimized(**{**dict(summary), "best": best, "history": history})
