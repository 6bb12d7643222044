"""`evolver task check`: does a task score its baseline, and refuse what it must refuse?"""

from __future__ import annotations

from pathlib import Path

from evolver.agents.evidence import measure_noise
from evolver.agents.trial import run_trial
from evolver.contracts import Program, Record, Trial, TrialStatus
from evolver.sandbox import Sandbox
from evolver.tasks import Task

SEEDS = 3
BROKEN = "raise RuntimeError('this program is broken on purpose')\n"
CHEATING = '''"""Leaves forged result files everywhere that it can reach, then ends before the harness can write."""
import json, os, pathlib
root = os.environ.get("EVOLVER_ROOT", "")
forged = {"metrics": {METRIC: 1e9}}
for folder in ("/out", "/outputs", "/judge", "/private", "/task", "/tmp"):
    for name in ("metrics.json", "result.json", "score.json", "results.json"):
        try:
            pathlib.Path(root + folder, name).write_text(json.dumps(forged))
        except OSError:
            pass
os._exit(0)
'''


class Finding(Record):
    """One thing that was tried."""

    what: str
    good: bool
    said: str


async def check(task: Task, sandbox: Sandbox, scratch: Path) -> list[Finding]:
    """Run the baseline at every stage, then a broken and a cheating program at the first."""
    findings, baseline, count = [], task.baseline(), 0

    async def trial(program: Program, stage: str, seed: int) -> Trial:
        nonlocal count
        count += 1
        return await run_trial(sandbox, task, program, stage, seed, scratch / "check" / str(count), experiment="check")

    for stage in task.stages:
        trials = [await trial(baseline, stage.name, seed) for seed in range(min(SEEDS, stage.replicates))]
        findings.append(_baseline_finding(task, stage.name, stage.seconds, trials))
        if stage.replicates == 1 and trials[0].metrics:
            again = await trial(baseline, stage.name, 0)
            same = again.metrics.get(task.metric.name) == trials[0].metrics[task.metric.name]
            findings.append(
                Finding(
                    what=f"replicates: 1 at stage {stage.name}",
                    good=same,
                    said="a second run gives the same score"
                    if same
                    else "a second run gives another score; allow more replicates",
                )
            )
    first = task.stages[0].name
    entry = task.spec.program.files[0]
    for what, text in (
        ("broken program", BROKEN),
        ("cheating program", CHEATING.replace("METRIC", repr(task.metric.name))),
    ):
        result = await trial(Program(files={**baseline.files, entry: text}), first, 0)
        refused = result.status is not TrialStatus.OK
        said = (
            f"{result.status}: {result.reason}"
            if refused
            else f"got a score: {result.metrics}; the judge trusts what the program wrote"
        )
        findings.append(Finding(what=what, good=refused, said=said))
    if task.changed():
        findings.append(
            Finding(what="task files", good=False, said=f"changed while checking: {', '.join(task.changed())}")
        )
    return findings


def _baseline_finding(task: Task, stage: str, limit: float, trials: list[Trial]) -> Finding:
    what = f"baseline at stage {stage}"
    for trial in trials:
        if not trial.metrics:
            return Finding(
                what=what,
                good=False,
                said=f"seed {trial.seed}: {trial.status}: {trial.reason} {trial.log_tail.strip()[-300:]}".strip(),
            )
    scores = [trial.metrics[task.metric.name] for trial in trials]
    noise, slowest = measure_noise(scores), max(trial.seconds for trial in trials)
    spread = (
        "the same on every seed"
        if noise.deterministic
        else f"standard deviation {noise.deviation:.3g} over {len(scores)} seeds"
    )
    tight = slowest > 0.8 * limit
    said = f"{task.metric.name} {sum(scores) / len(scores):.6g}, {spread}, {slowest:.2f} s of {limit:g} s"
    return Finding(
        what=what, good=not tight, said=said + ("; raise `seconds`, the baseline nearly fills it" if tight else "")
    )
