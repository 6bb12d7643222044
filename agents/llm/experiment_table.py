"""The table of all experiments: one line each, oldest first, so that a prompt goes on where the last one ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from evolver.agents.llm.differences import contention_words, difference_words
from evolver.agents.llm.rendering import Numbers, parent_of
from evolver.contracts import SEARCH_SEEDS, Experiment, Standing, Trial, VerdictKind
from evolver.contracts.lesson_events import Observed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.statistics import mean_of
from evolver.formatting import counted
from evolver.prompts import inline

LONGEST_REASON, LONGEST_FEEDBACK, LONGEST_SEEN = 300, 300, 2100
"""What a critic has seen holds its caution at its end, so that it is not cut."""
FOLDED_AT_ONCE = 20
"""Lines that are put together at a time, so that those which stay do not change with every experiment."""


class ExperimentTable:
    """What is known of every experiment of a campaign. Rows are made once, and again when something is said of them."""

    def __init__(self, resources: CampaignResources, numbers: Numbers) -> None:
        self._resources, self._numbers = resources, numbers
        self._rows: dict[str, tuple[str, str]] = {}

    def rows(self, experiments: Sequence[Experiment], observed: Mapping[str, Observed], most: int) -> list[str]:
        """Lines of all concluded experiments; the oldest by component where not all fit into `most` characters."""
        done = [e for e in experiments if e.verdict is not None and e.lane >= 0 and e.proposal is not None]
        rows = [self.row(e, observed.get(e.id)) for e in done]
        folded = 0
        while folded < len(rows) and sum(len(row) + 3 for row in rows[folded:]) > most:
            folded = min(folded + FOLDED_AT_ONCE, len(rows))
        return [*self._by_component(done[:folded]), *rows[folded:]]

    def row(self, experiment: Experiment, observed: Observed | None) -> str:
        """One experiment in one line."""
        said = analyst_words(observed)
        known = self._rows.get(experiment.id)
        if known is None or known[0] != said:
            known = self._rows[experiment.id] = (said, self._row(experiment, said))
        return known[1]

    def against(self, experiment: Experiment, reference: str) -> str:
        """An experiment's paired difference to another one, in words."""
        return difference_words(self._resources.evidence.paired(experiment, reference), self._resources.task.metric)

    def metrics(self, experiment: Experiment) -> str:
        """Means of all metrics over the search's seeds, and how many these are."""
        trials = self._resources.archive.trials.list(experiment.id)
        return mean_metrics([t for t in trials if t.stage == self._resources.stage and t.seed in SEARCH_SEEDS])

    def _row(self, experiment: Experiment, said: str) -> str:
        resources, verdict, proposal = self._resources, experiment.verdict, experiment.proposal
        assert verdict is not None and proposal is not None
        trials = resources.archive.trials.list(experiment.id)
        parent = proposal.parents[0] if proposal.parents else ""
        origin, title = parent_of(self._numbers, experiment), inline(proposal.title_words, 160)
        parts = [f"experiment {experiment.number} (from {origin}): {title}"]
        if verdict.kind is VerdictKind.UNUSABLE:
            parts.append(f"failed: {inline(verdict.reason, LONGEST_REASON)}")
        elif verdict.kind is VerdictKind.NO_EFFECT:
            parts.append(f"no effect: {inline(verdict.reason, LONGEST_REASON)}")
        elif experiment.score is None:
            parts.append(f"not measured: {inline(verdict.reason, LONGEST_REASON)}")
        else:
            parts.append(self.metrics(experiment))
            if parent:
                parts.append(f"to its parent {self.against(experiment, parent)}")
            if verdict.reference and verdict.reference != parent:
                number, found = self._numbers(verdict.reference), self.against(experiment, verdict.reference)
                parts.append(f"to experiment {number}, the champion then, {found}")
            parts.append(_STANDINGS.get(verdict.kind, ""))
        feedback = next((str(t.feedback) for t in reversed(trials) if t.feedback and not t.metrics), "")
        if feedback:
            parts.append(f"evaluator: {inline(feedback, LONGEST_FEEDBACK)}")
        parts += [contention_words(trials), said]
        return " | ".join(part for part in parts if part)

    def _by_component(self, experiments: Sequence[Experiment]) -> list[str]:
        groups: dict[str, list[Experiment]] = defaultdict(list)
        for experiment in experiments:
            assert experiment.proposal is not None
            groups[experiment.proposal.component or "others"].append(experiment)
        return [self._group(name, group) for name, group in groups.items()]

    def _group(self, name: str, group: Sequence[Experiment]) -> str:
        metric = self._resources.task.metric
        scored = [e for e in group if e.score is not None]
        failed = sum(e.standing is Standing.UNUSABLE for e in group)
        words = [f"{inline(name, 80)}: {counted(len(group), 'experiment')} ({_ranges([e.number for e in group])})"]
        if scored:
            best = min(scored, key=lambda e: metric.gain(0.0, e.score or 0.0))
            words.append(f"best {metric.name} {best.score:.6g} in experiment {best.number}")
            words.append(f"new champions: {', '.join(str(e.number) for e in scored if _won(e)) or 'none'}")
        if failed:
            words.append(f"{failed} failed")
        return " | ".join(words)


_STANDINGS = {
    VerdictKind.IMPROVED: "new champion, confirmed on fresh seeds",
    VerdictKind.INDECISIVE: "not confirmed to be better than the champion",
    VerdictKind.NOT_IMPROVED: "screened out: not better than the champion",
}


def analyst_words(observed: Observed | None) -> str:
    """What the analyst said of an experiment."""
    if observed is None:
        return ""
    parts = [observed.claim, observed.caution]
    parts += [f"Next: {observed.try_next}"] if observed.try_next else []
    parts += [f"Ruled out: {observed.ruled_out}"] if observed.ruled_out else []
    return "analyst: " + inline(" ".join(part for part in parts if part), LONGEST_SEEN)


def mean_metrics(trials: Sequence[Trial]) -> str:
    """Means of all metrics over scored trials."""
    values: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        for name, value in trial.metrics.items():
            values[name].append(value)
    if not values:
        return "no score"
    means = ", ".join(f"{inline(name, 60)} {mean_of(known):.6g}" for name, known in values.items())
    return f"{means} ({counted(max(map(len, values.values())), 'seed')})"


def _won(experiment: Experiment) -> bool:
    return experiment.verdict is not None and experiment.verdict.kind is VerdictKind.IMPROVED


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers in order, neighbours put together."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
