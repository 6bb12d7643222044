"""A campaign as a git repository, and its champion as a patch against the repository that it came from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Program, VerdictKind
from evolver.errors import UsageError
from evolver.formatting import interval_text
from evolver.tasks import Task, load_task
from evolver.tasks.importers.task_writer import OPTIONS, ORIGIN
from evolver.tasks.repository import git, head_of

if TYPE_CHECKING:
    from evolver.memory import Archive

AUTHOR = "Evolver <evolver@localhost>"
LONGEST_TITLE = 72


def write_repository(archive: Archive, campaign: str, folder: Path) -> int:
    """Write one commit an experiment, on its parents; how many there are.

    Branch `experiment-N` is experiment N, tags `champion-N` the crowned ones, `main` the champion of now. Raises
    UsageError where the folder is taken or git is not there.
    """
    if folder.exists():
        raise UsageError(f"--git {folder}: exists already; name a folder that does not")
    experiments = [one for one in archive.experiments.list(campaign) if one.program is not None]
    if not experiments:
        raise UsageError(f"campaign {campaign} has no program yet, so there is nothing to write")
    task = _task_of(archive, campaign)
    stream = b"".join(_stream(archive, campaign, experiments, task))
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "fast-import", "--quiet", stdin=stream)
    git(folder, "-c", "core.autocrlf=false", "reset", "--quiet", "--hard", "main")
    return len(experiments)


def champion_patch(archive: Archive, campaign: str) -> str:
    """What the champion changes, as `git apply` takes it in the repository that the baseline came from.

    Raises UsageError where there is no champion but the baseline.
    """
    experiments = archive.experiments.list(campaign)
    champion = archive.experiments.champion(campaign)
    baseline = next((one for one in experiments if one.number == 0), None)
    if champion is None or champion.program is None or baseline is None or baseline.program is None:
        raise UsageError(f"campaign {campaign} has no champion yet, so there is nothing to write as a patch")
    if champion.program == baseline.program:
        raise UsageError(f"the champion of campaign {campaign} is its baseline: there is no change to write as a patch")
    task = _task_of(archive, campaign)
    prefix = "" if task is None else _prefix(task)
    old, new = (archive.programs.get(key) for key in (baseline.program, champion.program))
    with tempfile.TemporaryDirectory(prefix="evolver-patch-") as folder:
        for name, program in (("a", old), ("b", new)):
            placed = Program(files={f"{prefix}{path}": text for path, text in program.files.items()})
            placed.write_to(Path(folder, name))
        words = ["-c", "core.autocrlf=false", "-c", "core.quotepath=false", "diff", "--no-index", "--no-prefix"]
        return git(Path(folder), *words, "--no-color", "--no-ext-diff", "a", "b", good=(0, 1)).decode()


def _task_of(archive: Archive, campaign: str) -> Task | None:
    """The campaign's task; None where it is gone."""
    try:
        return load_task(archive.campaigns.get(campaign).task)
    except UsageError:
        return None


def _prefix(task: Task) -> str:
    """Where a program's folder lies in the user's repository, with `/` at its end; empty for the top."""
    origin = _json(task.root / ORIGIN)
    if "prefix" in origin:
        return str(origin["prefix"])
    options = _json(task.root / "public" / OPTIONS)
    source = Path(str(origin["source"])) if origin.get("source") else task.root / "baseline"
    head = head_of(source) if source.is_dir() else None
    inner = PurePosixPath(str(options.get("original") or "")).parent.as_posix()
    inner = "" if inner == "." else f"{inner}/"
    return f"{head.prefix if head else ''}{inner}"


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _stream(archive: Archive, campaign: str, experiments: list[Experiment], task: Task | None) -> Iterator[bytes]:
    """What git fast-import reads."""
    marks = {one.id: number for number, one in enumerate(experiments, 1)}
    around = {} if task is None else {name: path.read_bytes() for name, path in task.files_around()}
    champion, metric = archive.experiments.champion(campaign), archive.campaigns.get(campaign).metric.name
    for one in experiments:
        assert one.program is not None
        program = archive.programs.get(one.program)
        when = int((one.finished or one.created).timestamp())
        message = _message(one, metric).encode()
        yield f"commit refs/heads/experiment-{one.number}\nmark :{marks[one.id]}\n".encode()
        yield f"author {AUTHOR} {when} +0000\ncommitter {AUTHOR} {when} +0000\n".encode()
        yield f"data {len(message)}\n".encode() + message + b"\n"
        parents = [marks[key] for key in (one.proposal.parents if one.proposal else ()) if key in marks]
        for place, parent in enumerate(dict.fromkeys(parents)):
            yield f"{'merge' if place else 'from'} :{parent}\n".encode()
        yield b"deleteall\n"
        for name, data in {**around, **{p: t.encode() for p, t in program.files.items()}}.items():
            yield f"M 100644 inline {_quoted(name)}\ndata {len(data)}\n".encode() + data + b"\n"
        yield b"\n"
        if one.verdict is not None and one.verdict.kind is VerdictKind.IMPROVED:
            yield f"reset refs/tags/champion-{one.number}\nfrom :{marks[one.id]}\n\n".encode()
    head = marks.get(champion.id, 1) if champion is not None else 1
    yield f"reset refs/heads/main\nfrom :{head}\n\n".encode()


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _message(one: Experiment, metric: str) -> str:
    """The hypothesis, and what came of it as trailers."""
    proposal, verdict = one.proposal, one.verdict
    plan = " ".join((proposal.plan if proposal else "").split()) or "the baseline"
    title = f"Experiment {one.number}: {plan}"
    title = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 3]}..."
    parts = [title, *([proposal.hypothesis.strip()] if proposal and proposal.hypothesis.strip() else [])]
    if len(title) < len(f"Experiment {one.number}: {plan}"):
        parts.append(plan)
    trailers = [f"Experiment: {one.id}"]
    if one.score is not None:
        trailers.append(f"Score: {metric} {one.score:.9g} {interval_text(one.interval)}".rstrip())
    if verdict is not None:
        gain = "" if verdict.delta is None else f", gain {verdict.delta:.6g} {interval_text(verdict.interval)}".rstrip()
        trailers.append(f"Verdict: {verdict.kind}{gain}")
        trailers += [f"Seeds: {', '.join(map(str, verdict.seeds))}"] if verdict.seeds else []
    return "\n\n".join([*parts, "\n".join(trailers)]) + "\n"
