"""Answers questions about a campaign from its archive, with the numbers of the experiments behind every claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evolver.contracts import CampaignStatus, Experiment, Interval, Lesson, LessonStatus, Trial, VerdictKind
from evolver.diffs import experiment_diff
from evolver.errors import UsageError
from evolver.formatting import counted, difference_with_interval, numbered, score_with_interval
from evolver.steering import approval
from evolver.steering.directive_effect import effect_of
from evolver.steering.intents import Inquiry, Topic
from evolver.steering.similarity import words

if TYPE_CHECKING:
    from evolver.memory import Archive

LESSONS, LINEAGE, GROUPS, DIFF, CAMPAIGNS = 5, 6, 4, 60, 12
"""How much is said: lessons, ancestors, kinds of failure, lines of a diff, campaigns."""
NEAR = 0.25
"""Similarity from which a lesson is about a topic."""
HELP = """You can say:
  focus on the initial layout      avoid annealing           pin experiment 12
  note: try a hexagonal grid       10 more experiments       use 4 workers
  pause    go on    stop           verify 41                 ablate 41 (what does 41 owe its gain to?)
  approve 17                       reject 17 because ...     ask me before trials over 10 minutes
  withdraw 3 (a directive)         switch to NAME            start circle-packing with 20 experiments
You can ask:
  how far?    what are you doing?    why is the best the best?    what failed most?
  what have we learned about X?      compare 12 and 41            what changed in 41?
  directives    cost    campaigns"""


@dataclass(frozen=True)
class Answers:
    """Answers about one campaign."""

    archive: Archive
    campaign: str
    running: bool
    """Whether a process runs it now."""

    def answer(self, inquiry: Inquiry) -> list[str]:
        """What is known, in lines. Raises UsageError where the question cannot be answered, UnknownName."""
        numbers, topic = inquiry.numbers, inquiry.topic
        ways: dict[Topic, Callable[[], list[str]]] = {
            "best": lambda: self._best(inquiry),
            "failures": self._failures,
            "learned": lambda: self._learned(topic),
            "doing": self._doing,
            "progress": self._progress,
            "compare": lambda: self._compare(*numbers[:2]),
            "changed": lambda: self._changed(numbers[0]),
            "experiment": lambda: self._experiment(numbers[0]),
            "directives": self._directives,
            "cost": self._cost,
            "waiting": self._waiting,
            "campaigns": self._campaigns,
            "anything": lambda: [*self._progress(), *self._best(inquiry), *self._learned(topic), *self._failures()],
            "help": HELP.splitlines,
        }
        return ways[inquiry.about]()

    def _by_number(self, number: int) -> Experiment:
        return self.archive.experiments.by_number(self.campaign, number)

    def _best(self, inquiry: Inquiry) -> list[str]:
        champion = self.archive.experiments.champion(self.campaign)
        if champion is None:
            return [self._why_failed() or "There is no best one yet: the baseline is being measured."]
        lines = []
        asked = inquiry.numbers[0] if inquiry.about == "best" and inquiry.numbers else champion.number
        if asked != champion.number:
            other = self._by_number(asked)
            lines.append(f"Experiment {asked} is not the best: {_standing(other)} The best is {champion.number}.")
        if champion.number == 0:
            return [
                *lines,
                f"The baseline (experiment 0) is still the best: {self._score(champion)}. "
                f"None of {self.archive.campaigns.counts(self.campaign).finished} experiments beat it with evidence.",
            ]
        lines.append(f"Experiment {champion.number} is the best: {self._score(champion)}.")
        verdict, proposal = champion.verdict, champion.proposal
        if verdict is not None and verdict.delta is not None and verdict.reference:
            before = self.archive.experiments.get(verdict.reference)
            lines.append(
                f"It beat experiment {before.number}, the champion before it, by "
                f"{_gain(verdict.delta, verdict.interval)} on {counted(len(verdict.seeds), 'replicate')}."
            )
        if proposal is not None:
            lines.append(f"What it does: {proposal.plan}.")
        line = self._lineage(champion)
        if len(line) > 1:
            lines.append("It comes from: " + ", from ".join(_step(e) for e in line[1:]) + ".")
        for event in self.archive.events.list(self.campaign, kind="retested", newest=1):
            if event.experiment == champion.id:
                low, high = _pair(event.data["interval"])
                lines.append(
                    f"On fresh replicates (held-out) it has {float(str(event.data['mean'])):.6g}, "
                    f"{_gain(float(str(event.data['delta'])), (low, high))} against the baseline (experiment 0)."
                )
        lines += self._reran("ablated", champion)
        if not lines[-1].startswith("Ablation"):
            lines.append(f"`ablate {champion.number}` shows what each change is worth.")
        return lines

    def _reran(self, kind: str, experiment: Experiment) -> list[str]:
        found = [
            e for e in self.archive.events.list(self.campaign, kind=kind, newest=50) if e.experiment == experiment.id
        ]
        if not found or kind != "ablated":
            return []
        parts = found[-1].data.get("parts")
        top = parts[0] if isinstance(parts, list) and parts else None
        if not isinstance(top, dict):
            return []
        worth = "the program fails without it" if top.get("gain") is None else f"worth {float(str(top['gain'])):+.4g}"
        return [f"Ablation: most of it is owed to: {top.get('change')} ({worth})."]

    def _lineage(self, experiment: Experiment) -> list[Experiment]:
        line = [experiment]
        while len(line) < LINEAGE and (proposal := line[-1].proposal) is not None and proposal.parents:
            line.append(self.archive.experiments.get(proposal.parents[0]))
        return line

    def _why_failed(self) -> str:
        """Why the campaign as a whole failed; empty where it did not."""
        if self.archive.campaigns.get(self.campaign).status is not CampaignStatus.FAILED:
            return ""
        ended = self.archive.events.list(self.campaign, kind="failed", newest=1)
        return f"The campaign failed: {ended[-1].data['reason'] if ended else 'see its log'}"

    def _failures(self) -> list[str]:
        failed = [e for e in self._all() if e.verdict is not None and e.verdict.kind is VerdictKind.UNUSABLE]
        counts = self.archive.campaigns.counts(self.campaign)
        if not failed:
            none = f"Nothing failed: {counts.finished} experiments, none of them unusable."
            return [self._why_failed() or none]
        groups: dict[str, list[Experiment]] = {}
        for experiment in failed:
            assert experiment.verdict is not None
            groups.setdefault(_kind_of(experiment.verdict.reason), []).append(experiment)
        lines = [f"{len(failed)} of {counts.finished} experiments got no score:"]
        for kind, members in sorted(groups.items(), key=lambda pair: -len(pair[1]))[:GROUPS]:
            operators = Counter(str(e.proposal.operator) for e in members if e.proposal)
            by = ", ".join(f"{operator} {count}" for operator, count in operators.most_common(2))
            last = members[-1]
            reason = last.verdict.reason if last.verdict else ""
            lines.append(f"  {len(members)} {kind} ({by}): {_numbers(members)}; the last one: {reason[:160]}")
        worse = Counter(
            e.proposal.component
            for e in self._all()
            if e.proposal and e.verdict and e.verdict.kind is VerdictKind.NOT_IMPROVED and e.proposal.component
        ).most_common(1)
        if worse:
            lines.append(f"Most often without gain: {worse[0][0]} ({worse[0][1]} experiments not improved).")
        return lines

    def _all(self) -> Sequence[Experiment]:
        return self.archive.experiments.list(self.campaign, after=0)

    def _learned(self, topic: str) -> list[str]:
        lessons = self.archive.lessons.list(campaign=self.campaign)
        if not lessons:
            return ["No lesson yet: no experiment has shown a decisive difference."]
        if topic:
            near = self._near(lessons, topic)
            if not near:
                return [f"No lesson about “{topic}” yet, among {len(lessons)}.", *self._tried(topic)]
            lines = [f"About “{topic}”:"]
        else:
            known = [lesson for lesson in lessons if lesson.status is not LessonStatus.RETIRED]
            near, lines = sorted(known, key=lambda lesson: -abs(lesson.effect)), [f"{len(known)} lessons; the largest:"]
        for lesson in near[:LESSONS]:
            numbers = [self.archive.experiments.get(key).number for key in lesson.evidence]
            lines.append(
                f"  {_gain(lesson.effect, lesson.interval)}, {lesson.status}, {lesson.confidence:.0%} sure: "
                f"{lesson.claim} ({numbered('experiment', numbers[-6:])})"
            )
        return lines

    def _tried(self, topic: str) -> list[str]:
        """Experiments about a topic that gave no lesson."""
        found = [
            e for e in self._all() if e.proposal and words(topic) & words(f"{e.proposal.component} {e.proposal.plan}")
        ]
        if not found:
            return ["Nothing about it was tried."]
        return [f"It was tried in {_numbers(found)}, without a decisive difference."]

    @staticmethod
    def _near(lessons: Sequence[Lesson], topic: str) -> list[Lesson]:
        from evolver.memory import default_embedder

        texts = [f"{lesson.component}: {lesson.claim}" for lesson in lessons]
        vectors = default_embedder()([topic, *texts])
        wanted = words(topic)
        scored = [
            (float(vectors[0] @ vector) + (1.0 if wanted & words(text) else 0.0), lesson)
            for vector, text, lesson in zip(vectors[1:], texts, lessons, strict=True)
        ]
        return [lesson for score, lesson in sorted(scored, key=lambda pair: -pair[0]) if score >= NEAR]

    def _doing(self) -> list[str]:
        campaign = self.archive.campaigns.get(self.campaign)
        if not self.running:
            return [f"Nothing: no process runs this campaign, which is {campaign.status}. Say `go on` to start one."]
        open_ones = self.archive.leases.unfinished(self.campaign)
        waits = {one.experiment.id for one in approval.waiting(self.archive, self.campaign)}
        lines = [f"The campaign is {campaign.status}; {len(open_ones)} experiments are in work:"]
        for experiment in open_ones:
            proposal = experiment.proposal
            plan = "thinking of something" if proposal is None else f"{proposal.operator}: {proposal.plan}"
            note = " (waits for approval)" if experiment.id in waits else ""
            lines.append(f"  {experiment.number}: {plan[:160]}{note}")
        return lines if open_ones else [f"The campaign is {campaign.status}; no experiment is in work right now."]

    def _progress(self) -> list[str]:
        campaign, counts = self.archive.campaigns.get(self.campaign), self.archive.campaigns.counts(self.campaign)
        state = "" if self.running or campaign.status != "running" else ", but no process runs it: say `go on`"
        lines = [
            f"{self.campaign}: {counts.finished} of {campaign.budget.experiments} experiments are done; the campaign "
            f"is {campaign.status}{state}."
        ]
        champion = self.archive.experiments.champion(self.campaign)
        if champion is not None:
            lines.append(f"The best so far is experiment {champion.number}: {self._score(champion)}.")
        if campaign.budget.seconds is not None:
            lines.append(f"{campaign.seconds:.0f} of {campaign.budget.seconds:.0f} s are used.")
        left = campaign.budget.experiments - counts.finished
        if self.running and counts.finished and left > 0 and campaign.seconds > 0:
            lines.append(f"At this pace the rest takes about {left * campaign.seconds / counts.finished:.0f} s.")
        waits = approval.waiting(self.archive, self.campaign)
        return [*lines, *(self._waiting() if waits else [])]

    def _compare(self, first: int, second: int) -> list[str]:
        one, other = self._by_number(first), self._by_number(second)
        lines = [f"  {e.number}: {self._score(e)}; {e.proposal.plan if e.proposal else ''}"[:300] for e in (one, other)]
        if one.score is None or other.score is None:
            missing = " ".join(_standing(e) for e in (one, other) if e.score is None)
            return [*lines, f"They cannot be compared: {missing}"]
        from evolver.evaluation.statistics import Noise, compare

        campaign = self.archive.campaigns.get(self.campaign)
        mine, theirs = self._scores(one), self._scores(other)
        if not mine.keys() & theirs.keys() or campaign.noise is None:
            apart = "They ran on different replicates, so their difference says little; `verify` runs both again."
            return [*lines, apart]
        noise = Noise(deviation=campaign.noise, replicates=campaign.noise_replicates)
        paired = compare(mine, theirs, campaign.metric, noise)
        low, high = paired.interval
        better = one if paired.delta > 0 else other
        clear = low > campaign.metric.resolution or high < -campaign.metric.resolution
        said = f"experiment {better.number} is better" if clear else "no clear difference"
        return [
            *lines,
            f"On the same {counted(len(paired.seeds), 'replicate')}: {said} ({first} against {second}: "
            f"{_gain(paired.delta, paired.interval)}, positive is better).",
        ]

    def _scores(self, experiment: Experiment) -> dict[int, float]:
        campaign = self.archive.campaigns.get(self.campaign)
        trials: Sequence[Trial] = self.archive.trials.list(experiment.id)
        return {t.seed: t.metrics[campaign.metric.name] for t in trials if t.stage == campaign.stage and t.metrics}

    def _changed(self, number: int) -> list[str]:
        experiment = self._by_number(number)
        proposal = experiment.proposal
        if proposal is None:
            return [f"Experiment {number} has no proposal yet."]
        parents = [self.archive.experiments.get(key).number for key in proposal.parents]
        origin = f" (from {' and '.join(map(str, parents))})" if parents else ""
        diff = experiment_diff(self.archive, experiment).splitlines()
        more = [f"... {len(diff) - DIFF} more lines: evolver show {self.campaign} {number}"] if len(diff) > DIFF else []
        return [f"Experiment {number}{origin}: {proposal.plan}.", *diff[:DIFF], *more]

    def _experiment(self, number: int) -> list[str]:
        experiment = self._by_number(number)
        lines = [f"Experiment {number}: {self._score(experiment)}. {_standing(experiment)}".strip()]
        if experiment.proposal is not None:
            parents = [self.archive.experiments.get(key).number for key in experiment.proposal.parents]
            lines.append(
                f"{experiment.proposal.hypothesis}"
                + (f" Made from {numbered('experiment', parents)}." if parents else "")
            )
        for lesson in self.archive.lessons.list(campaign=self.campaign):
            if experiment.id in lesson.evidence:
                lines.append(f"Lesson: {lesson.claim} ({lesson.status}).")
        return lines

    def _directives(self) -> list[str]:
        known = [d for d in self.archive.directives.list(self.campaign) if d.kind != "ask"]
        if not known:
            return ["No directives yet; `help` shows what you can say."]
        lines = []
        for d in known:
            used = f"; {effect_of(self.archive, d)}" if d.uses and d.kind in ("focus", "avoid", "pin", "note") else ""
            outcome = f" ({d.outcome})" if d.outcome else ""
            lines.append(f"  {d.number}. {d.who}: {d.text[:100]} [{d.kind}, {d.status}{used}]{outcome}")
        return lines

    def _cost(self) -> list[str]:
        paid, counts = self.archive.calls.spending(self.campaign), self.archive.campaigns.counts(self.campaign)
        lines = [f"{counts.cpu_seconds:.0f} CPU seconds in {sum(counts.trials.values())} trials."]
        if not paid:
            return [*lines, "No model was asked."]
        prices = [spending.usd for spending in paid]
        usd = "at an unknown price" if None in prices else f"for ${sum(price or 0.0 for price in prices):.4f}"
        tokens = sum(spending.tokens_in + spending.tokens_out for spending in paid)
        return [*lines, f"{sum(s.calls for s in paid)} calls of models, {tokens:,} tokens, {usd}."]

    def _campaigns(self) -> list[str]:
        known = self.archive.campaigns.list()[-CAMPAIGNS:]
        lines = []
        for one in reversed(known):
            done = self.archive.campaigns.counts(one.name).finished
            here = " (we talk about it)" if one.name == self.campaign else ""
            lines.append(f"  {one.name}: {one.status}, {done} of {one.budget.experiments} experiments{here}")
        return ["The newest first; say `switch to NAME` to talk about another one.", *lines]

    def _waiting(self) -> list[str]:
        waits = approval.waiting(self.archive, self.campaign)
        if not waits:
            return ["No experiment waits for approval."]
        return [
            f"Experiment {one.experiment.number} waits for approval ({one.estimate}): "
            f"{one.experiment.proposal.plan if one.experiment.proposal else ''}. "
            f"Say `approve {one.experiment.number}` or `reject {one.experiment.number} because ...`"
            for one in waits
        ]

    def _score(self, experiment: Experiment) -> str:
        campaign = self.archive.campaigns.get(self.campaign)
        if experiment.score is None:
            return "no score"
        return f"{campaign.metric.name} {score_with_interval(experiment.score, experiment.interval)} (fit)"


def require_numbers(inquiry: Inquiry) -> None:
    """Raises UsageError where a question needs numbers of experiments that it does not name."""
    needed = {"compare": 2, "changed": 1, "experiment": 1}.get(inquiry.about, 0)
    if len(inquiry.numbers) < needed:
        raise UsageError("which experiments? Name them by number, as in `compare 12 and 41`")


def _standing(experiment: Experiment) -> str:
    verdict = experiment.verdict
    if verdict is None:
        return f"Experiment {experiment.number} is not finished."
    said = f"The verdict on {experiment.number} is {verdict.kind.replace('_', ' ')}"
    if verdict.delta is not None:
        said += f", {_gain(verdict.delta, verdict.interval)} against the champion of its time"
    return f"{said}: {verdict.reason}." if verdict.reason else f"{said}."


def _step(experiment: Experiment) -> str:
    if experiment.number == 0 or experiment.proposal is None:
        return "the baseline (0)"
    plan = experiment.proposal.plan
    return f"{experiment.number} ({plan if len(plan) < 80 else f'{plan[:77]}...'})"


def _gain(delta: float, interval: Interval | None) -> str:
    return difference_with_interval(delta, interval, digits=4)


def _kind_of(reason: str) -> str:
    head = reason.partition(" (")[0].partition(":")[0].strip()
    return head.replace("_", " ") if head and len(head) < 40 else "without a program or score"


def _numbers(experiments: Sequence[Experiment]) -> str:
    numbers = [experiment.number for experiment in experiments]
    return numbered("experiment", numbers[-8:]) + (f" and {len(numbers) - 8} earlier" if len(numbers) > 8 else "")


def _pair(value: object) -> tuple[float, float]:
    assert isinstance(value, list)
    return float(value[0]), float(value[1])
