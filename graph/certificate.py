"""Certificates: what a campaign found in a folder of its own, with a script that checks it without Evolver."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from evolver.contracts import Campaign, Experiment, Record, Trial
from evolver.contracts.campaign_events import RunsIn
from evolver.contracts.review_events import Ablated, Verified
from evolver.errors import UsageError, WorkFailed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.trial import judge_again, run_trial
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.standalone_rerun import refuse_changed_task, rerun_session
from evolver.memory import Archive
from evolver.tasks import INPUTS, RUNTIME, Task
from evolver.tasks.loading import runtime_modules
from evolver.tasks.source_files import imported_in, tree_of

FILES = Path(__file__).resolve().parents[1] / "tasks" / "certificate-files"
CHECKER = "verify.py"
_NEED_NUMPY = frozenset({"safe_npy", "safe_npz", "safe_safetensors"})
README = """# Certificate: {task}, experiment {number} of {campaign}

    python verify.py

needs Python 3.11 or newer and nothing else{more}. It checks the digests of all files, then the claim in `claim.json`:
{claim}

| file | what is there |
| --- | --- |
| `claim.json`, `verify.py` | what is claimed, and what checks it |
| `task/judge.py`, `runtime/` | what the claim means: read these |
| `outputs/` | what the program left, which is judged (exact claims) |
| `program/`, `task/` | the program, and what runs it |
| `evidence/` | the experiment, its lineage, trials, fresh tests, ablation, and the versions it ran with |
"""


class Certificate(Record):
    """What was written."""

    campaign: str
    task: str
    experiment: int
    kind: Literal["exact", "statistical"]
    """Whether the claim is judged from data, or run again."""
    metric: str
    value: float
    """The claimed value, in the metric's unit."""
    recorded: float | None
    """The experiment's score in the campaign."""
    folder: str


def is_exact(task: Task) -> bool:
    """Whether the judge says the same of the same outputs anywhere: no hidden data, no seed, no packages."""
    tree = tree_of(task.root / "judge.py")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imported = {name.partition(".")[0] for name in imported_in(tree)}
    apart = any((task.root / name).exists() for name in ("private", INPUTS, "public"))
    known = imported <= (runtime_modules() | sys.stdlib_module_names)
    return not (apart or task.data_by_seed or names & _NEED_NUMPY) and known


async def certify(resolved: ResolvedRun, number: int | None, folder: Path) -> Certificate:
    """Write an experiment's certificate into a new folder: the champion's, unless a number is given.

    Raises UsageError where there is nothing to certify, WorkFailed where it gets no score now.
    """
    archive = resolved.archive
    await refuse_changed_task(resolved)
    experiment = await archive.run(_experiment, archive, resolved.name, number)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".certificate-", dir=folder.parent) as scratch:
        made = Path(scratch) / "certificate"
        made.mkdir()
        async with rerun_session(resolved) as session:
            claim = await _claim(session.resources, experiment, made)
        await archive.run(_write, archive, resolved.task, experiment, made, claim)
        made.rename(folder)
    return Certificate(
        campaign=resolved.name,
        task=resolved.task.name,
        experiment=experiment.number,
        kind=claim["kind"],
        metric=resolved.task.metric.name,
        value=claim["value"],
        recorded=experiment.score,
        folder=str(folder),
    )


def _experiment(archive: Archive, campaign: str, number: int | None) -> Experiment:
    found = (
        archive.experiments.champion(campaign) if number is None else archive.experiments.by_number(campaign, number)
    )
    if found is None or found.program is None or found.score is None:
        what = "there is no champion" if number is None else f"experiment {number} has no score"
        raise UsageError(f"{what} in campaign {campaign}; there is nothing to certify")
    return found


async def _claim(resources: CampaignResources, experiment: Experiment, made: Path) -> dict[str, Any]:
    """What is claimed, with the outputs that prove it where they can."""
    task, campaign = resources.task, await resources.read_campaign()
    spec = task.stage(campaign.stage)
    about = {
        "campaign": resources.name,
        "task": task.name,
        "task_version": task.version,
        "experiment": experiment.number,
        "metric": task.metric.name,
        "direction": task.metric.direction,
        "parameters": task.spec.parameters,
        "stage": spec.name,
        "seconds": spec.seconds,
        "phases": list(task.spec.phases),
        "imports": list(task.spec.program.imports),
    }
    if is_exact(task):
        trial = await _proved(resources, campaign, experiment, made / "outputs")
        value = trial.metrics[task.metric.name]
        return {**about, "kind": "exact", "value": value, "metrics": trial.metrics, "seed": trial.seed}
    scores = await resources.archive.run(resources.scores, experiment)
    if not scores:
        raise UsageError(f"experiment {experiment.number} has no score; there is nothing to certify")
    mean = statistics.fmean(scores.values())
    interval = experiment.interval or (mean, mean)
    return {
        **about,
        "kind": "statistical",
        "value": mean,
        "interval": list(interval),
        "scores": {str(seed): value for seed, value in scores.items()},
        "hidden": (task.root / "private").is_dir(),
    }


async def _proved(resources: CampaignResources, campaign: Campaign, experiment: Experiment, outputs: Path) -> Trial:
    """A trial of the experiment with what it left: the champion's kept outputs, or those of a run now; the better."""
    task, found = resources.task, list[tuple[Trial, Path]]()
    kept, scratch = resources.home / "best" / resources.name, outputs.parent.parent
    if kept.is_dir() and experiment.id == campaign.champion:
        judged = await judge_again(resources.sandbox, task, campaign.stage, 0, kept, scratch / "judged" / "0")
        found.append((judged, kept))
    name = task.metric.name
    if not any(t.metrics and task.metric.gain(t.metrics[name], experiment.score or 0.0) >= 0 for t, _ in found):
        program = await resources.archive.run(resources.program, experiment)
        again = scratch / "again"
        trial = await run_trial(
            resources.sandbox,
            task,
            program,
            campaign.stage,
            0,
            resources.home / "trials" / f"{experiment.id}-certified" / "0",
            experiment=f"{experiment.id}-certified",
            keep=again,
            labels=resources.labels,
        )
        found.append((trial, again))
    scored = [(trial, place) for trial, place in found if trial.metrics]
    if not scored:
        raise WorkFailed(f"experiment {experiment.number} gets no score now: {found[-1][0].reason}")
    best, place = max(scored, key=lambda pair: task.metric.gain(pair[0].metrics[name], 0.0))
    await asyncio.to_thread(shutil.copytree, place, outputs, ignore=shutil.ignore_patterns("feedback.json"))
    return best


def _write(archive: Archive, task: Task, experiment: Experiment, made: Path, claim: dict[str, Any]) -> None:
    """Everything but the outputs, which are there."""
    exact = claim["kind"] == "exact"
    assert experiment.program is not None
    task.write_program(archive.programs.get(experiment.program), made / "program")
    shutil.copytree(RUNTIME, made / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (made / "task").mkdir()
    for name in ("task.yaml", "harness.py", "judge.py"):
        shutil.copy(task.root / name, made / "task")
    for name in () if exact else ("public", INPUTS):
        if (task.root / name).is_dir():
            shutil.copytree(task.root / name, made / "task" / name, ignore=shutil.ignore_patterns("__pycache__"))
    _write_evidence(archive, experiment, made / "evidence")
    value = f"`{claim['metric']}` = {claim['value']!r} ({claim['direction']}), "
    value += "judged from `outputs/` with tolerance 0." if exact else "the mean of replicates, which it runs again."
    packages = "" if exact or not task.spec.requires else f" but {', '.join(task.spec.requires)}"
    text = README.format(
        task=task.name, number=experiment.number, campaign=claim["campaign"], more=packages, claim=value
    )
    (made / "README.md").write_text(text, encoding="utf-8")
    shutil.copy(FILES / CHECKER, made)
    files = sorted(path for path in made.rglob("*") if path.is_file())
    digests = {path.relative_to(made).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (made / "claim.json").write_text(json.dumps({**claim, "files": digests}, indent=1) + "\n", encoding="utf-8")


def _write_evidence(archive: Archive, experiment: Experiment, folder: Path) -> None:
    """The experiment with its lineage, trials, fresh tests, ablation and versions, as the archive has them."""
    folder.mkdir()
    lineage, at = [experiment], experiment
    while at.proposal is not None and at.proposal.parents:
        at = archive.experiments.get(at.proposal.parents[0])
        lineage.append(at)
    reviews = [
        {"kind": str(event.data.KIND), **event.data.model_dump(mode="json")}
        for kind in (Ablated, Verified)
        for event in archive.events.list(experiment.campaign, kind=kind)
        if event.experiment == experiment.id
    ]
    environments = archive.events.list(experiment.campaign, kind=RunsIn)
    parts: dict[str, list[Any]] = {
        "lineage": [one.model_dump(mode="json") for one in lineage],
        "trials": [trial.model_dump(mode="json") for trial in archive.trials.list(experiment.id)],
        "fresh_tests": [t.model_dump(mode="json") for t in archive.fresh_tests.list(experiment.campaign)],
        "reviews": reviews,
        "versions": [event.data.model_dump(mode="json") for event in environments],
    }
    for name, content in parts.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    for one in lineage:
        if one.program is not None:
            archive.programs.get(one.program).write_to(folder / "programs" / str(one.number))
