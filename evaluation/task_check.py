"""`evolver task check`: does a task score its baseline, and refuse what it must refuse?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Program, Record, Trial, TrialStatus
from evolver.errors import UsageError
from evolver.evaluation.import_check import BaselineImport, ImportCheck
from evolver.evaluation.statistics import measure_noise
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Sandbox
from evolver.search.static_checks import objections
from evolver.tasks import Task

if TYPE_CHECKING:
    from evolver.tasks.spec import StageSpec

SEEDS = 3
LOG_LINES = 6
"""Of a baseline that fails."""
BEYOND_NOISE = 3.0
"""Standard deviations of the baseline's score above which a cheat is said to pay."""
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


async def check(task: Task, sandbox: Sandbox, scratch: Path, stage: str = "") -> list[Finding]:
    """Run the baseline at every stage up to `stage` (empty: the deciding one), then programs that must not score.

    These are a broken and a cheating program that suit every task, and the task's own cheats/*.py. Raises UnknownName.
    """
    attempt = _Attempts(task, sandbox, scratch)
    findings, scores = _notes(task), dict[str, list[float]]()
    stages = task.stages_to(stage)
    for spec in stages:
        trials = [await attempt(task.baseline(), spec.name, seed) for seed in range(min(SEEDS, spec.replicates))]
        findings.append(_baseline_finding(task, spec.name, spec.seconds, trials))
        scores[spec.name] = [trial.metrics[task.metric.name] for trial in trials if trial.metrics]
        if spec.replicates == 1 and trials[0].metrics:
            findings.append(await _repeated(attempt, spec.name, trials[0]))
    findings.extend(await _gates(task, attempt))
    findings.extend([await _refused(attempt, stages[0].name, *hostile) for hostile in _hostile(task)])
    for name, program in task.cheats().items():
        findings.append(await _fruitless(attempt, name, program, stages, scores))
    findings.extend(
        Finding(what=f"stage {later.name}", good=True, said=f"not tried; `--stage {later.name}` does")
        for later in task.stages[len(stages) :]
    )
    if task.changed():
        findings.append(
            Finding(what="task files", good=False, said=f"changed while checking: {', '.join(task.changed())}")
        )
    return findings


def _notes(task: Task) -> list[Finding]:
    """Whether the task's notes can be read."""
    from evolver.memory import read_notes

    if not task.notes:
        return []
    try:
        notes = read_notes([task.notes], task.name)
    except UsageError as error:
        return [Finding(what="notes", good=False, said=str(error))]
    return [Finding(what="notes", good=True, said=f"{len(notes)} parts")]


class _Attempts:
    """Runs trials of one task, each in a folder of its own."""

    def __init__(self, task: Task, sandbox: Sandbox, scratch: Path) -> None:
        self.task, self._sandbox, self._scratch, self._count = task, sandbox, scratch, 0

    async def imported(self) -> BaselineImport:
        """What importing the baseline needs."""
        return await ImportCheck(self._sandbox, self.task).of_baseline(
            self._scratch / "check" / "import", "check.import"
        )

    async def __call__(self, program: Program, stage: str, seed: int) -> Trial:
        self._count += 1
        folder = self._scratch / "check" / str(self._count)
        return await run_trial(self._sandbox, self.task, program, stage, seed, folder, experiment="check")


async def _gates(task: Task, attempt: _Attempts) -> list[Finding]:
    """What the checks that programs must pass before a trial say of the baseline: later that is no objection."""
    said = objections(task.baseline())
    static = f"the baseline does not pass them ({_some(said)}); programs may keep that" if said else "passed"
    imported = await attempt.imported()
    if imported.said:
        last = imported.said.strip().splitlines()[-1]
        words = f"the baseline does not pass it ({last}); programs need not either"
    else:
        words = f"{imported.seconds:.2f} s; programs may take {imported.limit:g} s"
    return [
        Finding(what="static checks", good=True, said=static),
        Finding(what="import", good=True, said=words),
    ]


def _some(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{said[0]}, and {len(said) - 1} more"


async def _repeated(attempt: _Attempts, stage: str, first: Trial) -> Finding:
    """Whether a stage of one replicate gives the same score again."""
    name = attempt.task.metric.name
    again = await attempt(attempt.task.baseline(), stage, 0)
    same = again.metrics.get(name) == first.metrics[name]
    said = "a second run gives the same score" if same else "a second run gives another score; allow more replicates"
    return Finding(what=f"replicates: 1 at stage {stage}", good=same, said=said)


def _hostile(task: Task) -> list[tuple[str, Program]]:
    """A broken and a cheating program for any task."""
    files, entries = task.baseline().files, {entry.partition(":")[0] for entry in task.spec.program.entry}
    entries = entries or {task.spec.program.main}
    texts = {"broken program": BROKEN, "cheating program": CHEATING.replace("METRIC", repr(task.metric.name))}
    return [(what, Program(files={**files, **dict.fromkeys(entries, text)})) for what, text in texts.items()]


async def _refused(attempt: _Attempts, stage: str, what: str, program: Program) -> Finding:
    """Whether a program that produces nothing gets no score."""
    result = await attempt(program, stage, 0)
    if result.status is TrialStatus.OK:
        said = f"got a score: {result.metrics}; the judge trusts what the program wrote"
        return Finding(what=what, good=False, said=said)
    return Finding(what=what, good=True, said=f"{result.status}: {result.reason}")


async def _fruitless(
    attempt: _Attempts, name: str, program: Program, stages: Sequence[StageSpec], scores: Mapping[str, list[float]]
) -> Finding:
    """Whether a cheat of the task's own gets no score, or none that a seed would not give the baseline too."""
    metric, what = attempt.task.metric, f"cheat {name}"
    for stage in stages:
        result = await attempt(program, stage.name, 0)
        if not result.metrics:
            return Finding(what=what, good=True, said=f"{stage.name}: {result.status}: {result.reason}")
    honest = scores[stages[-1].name]
    if not honest:
        return Finding(what=what, good=False, said="cannot be told: the baseline has no score")
    score, noise = result.metrics[metric.name], measure_noise(honest)
    gain = metric.gain(score, honest[0])
    good = gain <= max(metric.resolution, BEYOND_NOISE * noise.deviation)
    said = f"{metric.name} {score:.6g} beside the baseline's {honest[0]:.6g} on the same seed"
    return Finding(what=what, good=good, said=said if good else f"{said}: cheating pays")


def _end_of(log: str) -> str:
    """The last lines of a log, under what was said; empty where it is."""
    lines = log.strip().splitlines()[-LOG_LINES:]
    return "".join(f"\n     {line}" for line in lines)


def _baseline_finding(task: Task, stage: str, limit: float, trials: list[Trial]) -> Finding:
    what = f"baseline at stage {stage}"
    for trial in trials:
        if not trial.metrics:
            return Finding(
                what=what,
                good=False,
                said=f"seed {trial.seed}: {trial.status}: {trial.reason}{_end_of(trial.log_tail)}",
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
