"""`evolver task check`: does a task score its baseline, and refuse what it must refuse?"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Program, Record, Trial, TrialStatus
from evolver.errors import UsageError
from evolver.evaluation.baseline_words import advice
from evolver.evaluation.import_check import BaselineImport, ImportCheck
from evolver.evaluation.output_probes import MOVES, PROBES, changed_copy, follows, reported, with_number
from evolver.evaluation.statistics import measure_noise
from evolver.evaluation.trial import LEFT_OUT, judge_again, run_trial
from evolver.sandbox import Sandbox
from evolver.search.source import is_python
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


_FRAME = re.compile(r'^\s*File "([^"]+)", line', re.MULTILINE)


class Finding(Record):
    """One thing that was tried."""

    what: str
    good: bool
    said: str


async def check(task: Task, sandbox: Sandbox, scratch: Path, stage: str = "") -> list[Finding]:
    """All findings of `findings`, when the last one is there."""
    return [finding async for finding in findings(task, sandbox, scratch, stage)]


async def findings(task: Task, sandbox: Sandbox, scratch: Path, stage: str = "") -> AsyncIterator[Finding]:
    """Run the baseline at every stage up to `stage` (empty: the deciding one), then what must not score.

    That is a broken and a cheating program that suit every task, the baseline's own outputs changed, and the task's
    cheats/*.py. Each finding comes when it is there. Raises UnknownName.
    """
    attempt = _Attempts(task, sandbox, scratch)
    for finding in _notes(task):
        yield finding
    scores, stages = dict[str, list[float]](), task.stages_to(stage)
    for spec in stages:
        async for finding in _staged(attempt, spec, scores, own_packages=sandbox.own_packages):
            yield finding
    if stages[-1].replicates > 1:
        yield _replicates(task, scores[stages[-1].name])
    for finding in await _gates(task, attempt):
        yield finding
    for hostile in _hostile(task):
        yield await _refused(attempt, stages[0].name, scores[stages[0].name], *hostile)
    if attempt.outputs is not None and not task.is_imported:
        async for finding in _probed(attempt):
            yield finding
    for name, program in task.cheats().items():
        yield await _fruitless(attempt, name, program, stages, scores)
    for later in task.stages[len(stages) :]:
        yield Finding(what=f"stage {later.name}", good=True, said=f"not tried; `--stage {later.name}` does")
    if task.changed():
        yield Finding(what="task files", good=False, said=f"changed while checking: {', '.join(task.changed())}")


async def _staged(
    attempt: _Attempts, spec: StageSpec, scores: dict[str, list[float]], *, own_packages: bool
) -> AsyncIterator[Finding]:
    """What the baseline does at a stage; its scores are put among `scores`."""
    task = attempt.task
    trials, judge_said = list[Trial](), ""
    for seed in range(min(SEEDS, spec.replicates)):
        trials.append(await attempt.baseline(spec.name, seed))
        judge_said = judge_said if any(not trial.metrics for trial in trials[:-1]) else attempt.judge_said
    yield _baseline_finding(task, spec.name, spec.seconds, trials, judge_said, own_packages=own_packages)
    for remark in dict.fromkeys(text for trial in trials for text in trial.remarks(task.metric.name)):
        yield Finding(what="score", good=True, said=remark)
    if task.spec.pruning is not None and trials[0].metrics and not trials[0].curve:
        said = "task.yaml has `pruning`, and the harness reports no curve: call trial.report(step, value) as it trains"
        yield Finding(what=f"curve, stage {spec.name}", good=False, said=said)
    scores[spec.name] = [trial.metrics[task.metric.name] for trial in trials if trial.metrics]
    if spec.replicates == 1 and trials[0].metrics:
        yield await _repeated(attempt, spec.name, trials[0])


def _replicates(task: Task, scores: Sequence[float]) -> Finding:
    """What other seeds change."""
    if task.data_by_seed:
        said = "harness or judge use the seed, so each may have other data; the re-test is held-out"
    else:
        said = "the seed alone changes, not the data; the re-test is on fresh seeds, not on held-out data"
    same = "; the baseline scores the same on each" if len(set(scores)) == 1 and len(scores) > 1 else ""
    return Finding(what="replicates", good=True, said=said + same)


async def _probed(attempt: _Attempts) -> AsyncIterator[Finding]:
    """Whether the judge sees through changes of what the baseline left."""
    task, honest = attempt.task, attempt.honest
    metric = task.metric
    taken, wrong = list[str](), list[str]()
    for probe in PROBES:
        trial = await attempt.judged(partial(changed_copy, attempt.left, probe))
        if trial is None or not trial.metrics:
            continue
        said = f"{probe.what}: {metric.name} {trial.metrics[metric.name]:.6g}"
        better = metric.better(trial.metrics[metric.name], honest)
        (wrong if probe.not_a_number or better else taken).append(said)
    what = "outputs changed"
    if wrong:
        yield Finding(
            what=what, good=False, said=f"the judge gives a score for {'; '.join(wrong)}; refuse such outputs"
        )
    else:
        words = f"; with a score no better than the baseline's: {'; '.join(taken)}" if taken else ""
        yield Finding(what=what, good=True, said=f"no score for NaN and infinities{words}")
    for report in reported(attempt.left):
        moved = list[tuple[float, float]]()
        for factor in MOVES:
            value = report.value * factor
            trial = await attempt.judged(partial(with_number, attempt.left, report, value))
            if trial is not None and trial.metrics:
                moved.append((value, trial.metrics[metric.name]))
        if follows(report, honest, moved):
            said = (
                f"forgeable: whoever writes {report.file} writes the score, {metric.name} follows what the program "
                f"reports ({report}); measure it in judge.py from what the program made"
            )
            yield Finding(what="reported numbers", good=False, said=said)
            return


def _notes(task: Task) -> list[Finding]:
    """Whether the task's notes can be read."""
    from evolver.memory import read_notes

    if not task.notes:
        return []
    problems: list[str] = []
    try:
        notes = read_notes([task.notes], task.name, problems)
    except UsageError as error:
        return [Finding(what="notes", good=False, said=str(error))]
    left_out = f"; left out: {'; '.join(problems)}" if problems else ""
    return [Finding(what="notes", good=True, said=f"{len(notes)} parts{left_out}")]


class _Attempts:
    """Runs trials of one task, each in a folder of its own."""

    def __init__(self, task: Task, sandbox: Sandbox, scratch: Path) -> None:
        self.task, self._sandbox, self._scratch, self._count = task, sandbox, scratch, 0
        self.judge_said = ""
        """What the judge printed in the last trial."""
        self.outputs: tuple[Path, str, float] | None = None
        """What the baseline left at the last stage with the first seed, that stage, and its score."""

    @property
    def left(self) -> Path:
        """The baseline's outputs."""
        assert self.outputs is not None
        return self.outputs[0]

    @property
    def honest(self) -> float:
        """Their score."""
        assert self.outputs is not None
        return self.outputs[2]

    async def baseline(self, stage: str, seed: int) -> Trial:
        """A trial of the baseline, whose outputs are kept."""
        keep = self._scratch / "kept" / stage
        trial = await self(self.task.baseline(), stage, seed, keep if seed == 0 else None)
        if seed == 0 and trial.metrics and keep.is_dir():
            self.outputs = keep, stage, trial.metrics[self.task.metric.name]
        return trial

    async def judged(self, write: Callable[[Path], object]) -> Trial | None:
        """What the judge says of outputs that `write` puts into a folder; None where it changes nothing."""
        assert self.outputs is not None
        self._count += 1
        folder = self._scratch / "check" / str(self._count)
        folder.mkdir(parents=True)
        try:
            if write(folder / "outputs") is False:
                return None
            return await judge_again(self._sandbox, self.task, self.outputs[1], 0, folder / "outputs", folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def imported(self) -> BaselineImport:
        """What importing the baseline needs."""
        return await ImportCheck(self._sandbox, self.task).of_baseline(
            self._scratch / "check" / "import", "check.import"
        )

    async def __call__(self, program: Program, stage: str, seed: int, keep: Path | None = None) -> Trial:
        self._count += 1
        folder, self.judge_said = self._scratch / "check" / str(self._count), ""
        return await run_trial(
            *(self._sandbox, self.task, program, stage, seed, folder),
            experiment="check",
            keep=keep,
            hear_judge=self._hear,
        )

    def _hear(self, log: str) -> None:
        self.judge_said = log


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
    entries = entries or (set(files) if task.spec.program.is_tree else {task.spec.program.main})
    texts = {"broken program": BROKEN, "cheating program": CHEATING.replace("METRIC", repr(task.metric.name))}
    return [(what, Program(files={**files, **dict.fromkeys(entries, text)})) for what, text in texts.items()]


async def _refused(attempt: _Attempts, stage: str, honest: Sequence[float], what: str, program: Program) -> Finding:
    """Whether a program that produces nothing gets no score; in imported tasks none better than the baseline's."""
    result, metric = await attempt(program, stage, 0), attempt.task.metric
    # What is no Python, such as a prompt, may run whatever it says.
    may_score = attempt.task.is_imported or not any(map(is_python, program.files))
    if result.status is TrialStatus.OK and may_score and honest:
        score = result.metrics[metric.name]
        good = not metric.better(score, honest[0])
        said = f"scored {score:.6g}, {'no better than' if good else 'better than'} the baseline's {honest[0]:.6g}"
        return Finding(what=what, good=good, said=said)
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
            crashed = result.status is TrialStatus.FAILED and _crashed_itself(result.log_tail)
            said = f"{stage.name}: {result.status}: {result.reason}"
            return Finding(
                what=what, good=True, said=f"not tried: the cheat itself crashed: {said}" if crashed else said
            )
    honest = scores[stages[-1].name]
    if not honest:
        return Finding(what=what, good=False, said="cannot be told: the baseline has no score")
    score, noise = result.metrics[metric.name], measure_noise(honest)
    gain = metric.gain(score, honest[0])
    good = gain <= max(metric.resolution, BEYOND_NOISE * noise.deviation)
    said = f"{metric.name} {score:.6g} beside the baseline's {honest[0]:.6g} on the same seed"
    return Finding(what=what, good=good, said=said if good else f"{said}: cheating pays")


def _crashed_itself(log: str) -> bool:
    """Whether the last error in a log was raised by the program's own code, not by what called it."""
    places = _FRAME.findall(log)
    return bool(places) and "/program/" in places[-1]


def _end_of(log: str, most: int = LOG_LINES) -> str:
    """The last lines of a log, under what was said; empty where it is."""
    lines = log.strip().splitlines()[-most:]
    return "".join(f"\n     {line}" for line in lines)


def _baseline_finding(
    task: Task, stage: str, limit: float, trials: list[Trial], judge_said: str, *, own_packages: bool = False
) -> Finding:
    what = f"baseline at stage {stage}"
    for trial in trials:
        if not trial.metrics:
            return Finding(
                what=what,
                good=False,
                said=f"seed {trial.seed}: {trial.status}: {trial.reason}{_advice(trial, own_packages)}"
                f"{_end_of(judge_said, 2 * LOG_LINES) or _end_of(trial.log_tail)}",
            )
    scores = [trial.metrics[task.metric.name] for trial in trials]
    noise, slowest = measure_noise(scores), max(trial.seconds for trial in trials)
    spread = (
        "the same on every seed"
        if noise.deterministic
        else f"standard deviation {noise.deviation:.3g} over {len(scores)} seeds"
    )
    if left_out := next((trial.feedback.texts[LEFT_OUT] for trial in trials if LEFT_OUT in trial.feedback.texts), ""):
        spread += f", metrics that are not kept: {left_out}"
    tight = slowest > 0.8 * limit
    said = f"{task.metric.name} {sum(scores) / len(scores):.6g}, {spread}, {slowest:.2f} s of {limit:g} s"
    return Finding(
        what=what, good=not tight, said=said + ("; raise `seconds`, the baseline nearly fills it" if tight else "")
    )


def _advice(trial: Trial, own_packages: bool) -> str:
    words = advice(trial, own_packages=own_packages)
    return f"; {words}" if words else ""
