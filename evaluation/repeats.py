"""Programs that do what an earlier program of the campaign does: found before they are paid, or after one replicate."""

from __future__ import annotations

import ast
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Program, Standing, Trial, TrialStatus, Verdict, VerdictKind
from evolver.search.normal_form import normal_form
from evolver.search.program_slice import mentions

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

ENOUGH_BITS = 2048
"""Information of outputs from which on equal outputs mean the same behaviour."""
SMOKE = "smoke"
MOST_ALIKE = 4
"""Earlier experiments that are kept for the same outputs."""
_NOT_THE_HARNESS = ("baseline", "compare", "judge.py", "notes")
_DECIDED_BY_PROGRAM = (TrialStatus.FAILED, TrialStatus.INVALID)


class Repeats:
    """Which programs of one campaign are repeats of earlier ones.

    A program is a repeat by its *form* if its normal form is that of an experiment with a lower number; it is not run.
    It is a repeat by its *outputs* if it left what an earlier one left on every replicate that both have finished, and
    those outputs hold 2048 bits of information or are all that the race asks for. The smoke stage does not count: what
    it leaves out may be what was changed. Equal scores do not count either: they may be few values.

    How often that stops a program wrongly: normal forms err where a program depends on its own source, on an error or
    a delay in a value that nobody reads, or on functions replaced from outside (`normal_form`). Equal outputs err where
    the change acts on other replicates alone. If it would change a share d of all outputs, n outputs are equal with
    probability (1 - d)^n. 2048 bits are at least 2048 labels of two classes, so that what is stopped changes less than
    0.15 % of labels in 19 of 20 cases: 0.13 standard deviations of the score of one replicate. Twenty labels of ten
    classes are 66 bits; such programs are raced as ever. `benchmarks/no_effect.py` counts wrong stops.
    """

    def __init__(self, resources: CampaignResources) -> None:
        self._resources = resources
        self._forms: dict[str, Experiment] = {}
        self._hopeful: dict[str, set[str]] = {}
        """Hopeful forms, and the experiments that have them."""
        self._outputs: dict[tuple[str, int, str], list[str]] = {}
        self._read = -1
        self._open: set[str] = set()
        self._looking = threading.Lock()
        entry = resources.task.spec.program.entry
        self.entry = tuple(dict.fromkeys((*entry, *_asked_for(resources)))) if entry else ()
        """What is asked for from outside: the entry points, and what else the harness names; none: everything is."""

    def owner(self, program: Program, before: int | None = None) -> Experiment | None:
        """The first experiment whose program has the same normal form, among those with a number below `before`."""
        self._look()
        owner = self._forms.get(normal_form(program, self.entry))
        return owner if owner is not None and (before is None or owner.number < before) else None

    def promises(self, program: Program) -> bool:
        """Whether a program is likely to do something that none does yet; see `normal_form` for the hopeful form."""
        self._look()
        return not self._hopeful.get(normal_form(program, self.entry, hopeful=True))

    def verdict(self, experiment: Experiment, trials: Sequence[Trial]) -> Verdict | None:
        """The verdict on a repeat; None for others.

        Args:
            experiment: One with a program.
            trials: Those that it has finished; none, before the first.
        """
        if experiment.program is None or experiment.number == 0:
            return None
        program = self._resources.program(experiment)
        owner = self.owner(program, experiment.number)
        if owner is not None:
            same = "the same program" if owner.program == experiment.program else "the same but for code without effect"
            return _verdict(owner, f"{same} as experiment {owner.number}", ())
        like = self._alike(experiment, trials)
        if like is None:
            return None
        seeds = tuple(trial.seed for trial in trials if trial.stage == self._resources.stage and trial.metrics)
        return _verdict(like, f"the same outputs as experiment {like.number}", seeds)

    def _alike(self, experiment: Experiment, trials: Sequence[Trial]) -> Experiment | None:
        """The first earlier experiment that left the same on every replicate that both have finished."""
        known = [trial for trial in trials if trial.outputs and trial.stage != SMOKE]
        if not known or any(not trial.metrics for trial in trials):
            return None
        self._look()
        for key in dict.fromkeys(key for trial in known for key in self._outputs.get(_place(trial), ())):
            other = self._resources.archive.experiments.get(key)
            if other.number < experiment.number and self._is_same(known, self._resources.archive.trials.list(key)):
                return other
        return None

    def _is_same(self, mine: Sequence[Trial], theirs: Sequence[Trial]) -> bool:
        outputs = {(trial.stage, trial.seed): trial.outputs for trial in theirs}
        shared = [trial for trial in mine if (trial.stage, trial.seed) in outputs]
        if not shared or any(outputs[trial.stage, trial.seed] != trial.outputs for trial in shared):
            return False
        resources, stage = self._resources, self._resources.stage
        seeds = {trial.seed for trial in shared if trial.stage == stage}
        whole = set(range(resources.task.stage(stage).replicates)) <= seeds
        return whole or sum(trial.output_bits for trial in shared) >= ENOUGH_BITS

    def _look(self) -> None:
        """Take in what was coded and concluded since; lanes ask from threads of their own."""
        with self._looking:
            self._take_in_new()

    def _take_in_new(self) -> None:
        archive, name = self._resources.archive, self._resources.name
        waiting = [archive.experiments.get(key) for key in sorted(self._open)]
        fresh = archive.experiments.list(name, after=self._read)
        self._open.clear()
        for experiment in sorted((*waiting, *fresh), key=lambda e: e.number):
            self._read = max(self._read, experiment.number)
            if experiment.verdict is None:
                self._open.add(experiment.id)
            if experiment.program is not None:
                self._take_in(experiment)

    def _take_in(self, experiment: Experiment) -> None:
        program = self._resources.program(experiment)
        alike = self._hopeful.setdefault(normal_form(program, self.entry, hopeful=True), set())
        alike.add(experiment.id)
        trials = () if experiment.verdict is None else self._resources.archive.trials.list(experiment.id)
        form = normal_form(program, self.entry)
        if experiment.standing is Standing.UNUSABLE:
            # A model's program may fail by what its form leaves out; an operator's hardly ever does.
            by_model = experiment.proposal is not None and experiment.proposal.author
            if by_model:
                alike.discard(experiment.id)
            if by_model or not any(t.status in _DECIDED_BY_PROGRAM for t in trials):
                if self._forms.get(form, experiment).id == experiment.id:
                    self._forms.pop(form, None)  # it may do better where it is given time, or approved of
                return
        known = self._forms.setdefault(form, experiment)
        if known.number >= experiment.number:
            self._forms[form] = experiment
        for trial in trials:
            if trial.outputs and trial.metrics and trial.stage != SMOKE:
                same = self._outputs.setdefault(_place(trial), [])
                if experiment.id not in same and len(same) < MOST_ALIKE:
                    same.append(experiment.id)


def _place(trial: Trial) -> tuple[str, int, str]:
    return trial.stage, trial.seed, trial.outputs


def _verdict(earlier: Experiment, reason: str, seeds: tuple[int, ...]) -> Verdict:
    return Verdict(kind=VerdictKind.NO_EFFECT, seeds=seeds, reference=earlier.id, reason=reason)


def _asked_for(resources: CampaignResources) -> list[str]:
    """Names of the program's files that harness or evaluator have words for."""
    root, words = resources.task.root, set[str]()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] not in _NOT_THE_HARNESS:
            with suppress(OSError, ValueError, SyntaxError):
                words |= set(mentions([ast.parse(path.read_text(encoding="utf-8"))]))
    return [f"{path}:{word}" for path in resources.task.baseline().files for word in sorted(words)]
