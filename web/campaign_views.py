"""What the pages show of campaigns and experiments, projected from the archive."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

from evolver.contracts import Campaign, CampaignStatus, Claim, Directive, Experiment, Standing, Trial
from evolver.contracts.champion_events import ChampionCrowned
from evolver.contracts.lesson import told_order
from evolver.contracts.review_events import Ablated, Verified
from evolver.evaluation.ablation import Ablation
from evolver.evaluation.reliability import reliability_of
from evolver.evaluation.verification import Verification
from evolver.graph.campaign_lock import is_running
from evolver.graph.detached import begins, log_of
from evolver.graph.summary import summarise
from evolver.memory import Archive
from evolver.steering.approval import waiting
from evolver.steering.directives import measured_effect
from evolver.steering.questions.dossier import dossier_lines
from evolver.steering.review_page import newest_review
from evolver.web.charts import training_plot
from evolver.web.diff_view import FileDiff, diff_between
from evolver.web.view_models import (
    CampaignLine,
    CampaignView,
    ExperimentLine,
    ExperimentView,
    Learned,
    PageState,
    Pending,
    SaidLine,
    Table,
)

PAGE_SIZE = 50
"""Experiments in one page of the table."""
LESSONS_SHOWN = 20
KEPT = 3
"""Campaigns whose experiments are kept in memory."""
MOST_CHAMPIONS = 100_000
RERUNS = 500
"""Newest verifications and ablations that are looked through."""
LOG_SHOWN = 8_000
"""Characters of the end of a trial's log."""
TROUBLE_SHOWN = 2_000
"""Characters of the end of a process's log."""


class CampaignViews:
    """Reads views from one open archive."""

    def __init__(self, archive: Archive, home: Path) -> None:
        self._archive = archive
        self._home = home
        self._read: OrderedDict[str, tuple[int, Sequence[Experiment]]] = OrderedDict()

    def state(self, campaign: Campaign) -> PageState:
        """Where it stands now."""
        if campaign.status is not CampaignStatus.RUNNING:
            return PageState(campaign.status.value)
        if is_running(self._home, campaign.name):
            return PageState.RUNNING
        return PageState.STARTING if begins(self._home, campaign.name) else PageState.INTERRUPTED

    def experiments(self, name: str) -> Sequence[Experiment]:
        """All experiments by number, read once for every state of the event log. Raises UnknownName."""
        self._archive.campaigns.get(name)
        seen = self._archive.events.newest_id(name)
        known = self._read.get(name)
        if known is None or known[0] != seen:
            known = (seen, self._archive.experiments.list(name))
            self._read[name] = known
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
        return known[1]

    def crowned(self, name: str) -> list[str]:
        """Ids of every experiment that was champion, in order."""
        events = self._archive.events.list(name, kind=ChampionCrowned, limit=MOST_CHAMPIONS)
        return list(dict.fromkeys(event.experiment for event in events if event.experiment))

    def version(self, name: str) -> str:
        """Changes whenever the page would. Raises UnknownName."""
        campaign = self._archive.campaigns.get(name)
        return f"{self._archive.events.newest_id(name)}-{self.state(campaign)}-{campaign.budget.experiments}"

    def lines(self) -> list[CampaignLine]:
        """All campaigns, the one with the newest event first."""
        return sorted(map(self._line, self._archive.campaigns.list()), key=lambda line: line.updated, reverse=True)

    def _line(self, campaign: Campaign) -> CampaignLine:
        archive, name = self._archive, campaign.name
        counts, champion = archive.campaigns.counts(name), archive.experiments.champion(name)
        newest = archive.events.list(name, newest=1)
        baseline = next(iter(archive.experiments.list(name, limit=1)), None)
        return CampaignLine(
            name=name,
            task=Path(campaign.task).name,
            state=self.state(campaign),
            metric=campaign.metric.name,
            direction=campaign.metric.direction,
            best=champion.score if champion else None,
            best_interval=champion.interval if champion else None,
            best_number=champion.number if champion else None,
            baseline=baseline.score if baseline and baseline.number == 0 else None,
            finished=counts.finished,
            budget=campaign.budget.experiments,
            trials=sum(counts.trials.values()),
            waiting=len(waiting(archive, name)),
            updated=newest[0].when if newest else campaign.created,
        )

    def campaign(self, name: str, *, standing: str = "", page: int = 1, all_lessons: bool = False) -> CampaignView:
        """One campaign with a page of its table. Raises UnknownName."""
        archive = self._archive
        campaign, summary = archive.campaigns.get(name), summarise(archive, name)
        experiments = self.experiments(name)
        numbers = {e.id: e.number for e in experiments}
        crowned = self.crowned(name)
        by_id = {e.id: e for e in experiments}
        lessons = sorted(archive.lessons.list(campaign=name), key=told_order)
        shown = lessons if all_lessons else lessons[:LESSONS_SHOWN]
        state = self.state(campaign)
        return CampaignView(
            campaign=campaign,
            summary=summary,
            state=state,
            champions=tuple(experiment_line(by_id[key], numbers, crowned) for key in crowned if key in by_id),
            table=_table(experiments, numbers, crowned, standing, page),
            lessons=tuple(
                Learned(lesson=x, numbers=tuple(numbers[key] for key in x.evidence if key in numbers)) for x in shown
            ),
            more_lessons=len(lessons) - len(shown),
            directives=tuple(self._said(x, experiments, numbers) for x in reversed(archive.directives.list(name))),
            waiting=tuple(self._pending(name, by_id, numbers)),
            running=tuple(
                experiment_line(e, numbers, crowned) for e in experiments if e.standing is Standing.OPEN and e.number
            ),
            trouble=self._log_tail(name) if state in (PageState.INTERRUPTED, PageState.FAILED) else "",
            review=newest_review(archive, name),
            dossier=tuple(dossier_lines(archive, name)),
        )

    def _said(self, directive: Directive, experiments: Sequence[Experiment], numbers: dict[str, int]) -> SaidLine:
        effect = measured_effect(self._archive, directive, experiments) if directive.uses else None
        return SaidLine(
            directive=directive,
            numbers=tuple(sorted(numbers[key] for key in directive.experiments if key in numbers)),
            effect=str(effect) if effect is not None else "",
        )

    def _pending(self, name: str, by_id: dict[str, Experiment], numbers: dict[str, int]) -> Iterator[Pending]:
        for one in waiting(self._archive, name):
            experiment, proposal = one.experiment, one.experiment.proposal
            parent = by_id.get(proposal.parents[0]) if proposal and proposal.parents else None
            yield Pending(
                line=experiment_line(experiment, numbers, ()),
                hypothesis=proposal.hypothesis if proposal else "",
                estimate=str(one.estimate),
                diff=self._diff(parent, experiment),
            )

    def _diff(self, old: Experiment | None, new: Experiment) -> tuple[FileDiff, ...]:
        if not new.program:
            return ()
        before = self._archive.programs.get(old.program) if old and old.program else None
        return diff_between(before, self._archive.programs.get(new.program))

    def _log_tail(self, name: str) -> str:
        log = log_of(self._home, name)
        if not log.is_file():
            return ""
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TROUBLE_SHOWN))
            return file.read().decode(errors="replace").strip()

    def experiment(self, name: str, number: int) -> ExperimentView:
        """One experiment. Raises UnknownName."""
        archive = self._archive
        campaign, experiment = archive.campaigns.get(name), archive.experiments.by_number(name, number)
        experiments = self.experiments(name)
        numbers, by_id = {e.id: e.number for e in experiments}, {e.id: e for e in experiments}
        crowned = self.crowned(name)
        proposal, verdict = experiment.proposal, experiment.verdict
        parents = [by_id[key] for key in (proposal.parents if proposal else ()) if key in by_id]
        in_force = set(proposal.directives) if proposal else set()
        trials = archive.trials.list(experiment.id)
        return ExperimentView(
            campaign=campaign,
            experiment=experiment,
            line=experiment_line(experiment, numbers, crowned),
            parents=tuple(experiment_line(e, numbers, crowned) for e in parents),
            children=tuple(e.number for e in experiments if e.proposal and e.proposal.parents[:1] == (experiment.id,)),
            reference=numbers.get(verdict.reference) if verdict else None,
            diff=self._diff(parents[0] if parents else None, experiment),
            trials=tuple(map(_with_log_tail, trials)),
            training=training_plot(trials),
            reliability=reliability_of(trials),
            lessons=tuple(x for x in archive.lessons.list(campaign=name) if experiment.id in x.evidence),
            calls=tuple(archive.calls.list(name, experiment.id)),
            directives=tuple(x for x in archive.directives.list(name) if x.id in in_force),
            verifications=tuple(
                Verification(experiment=number, **dict(event.data))
                for event in archive.events.list(name, kind=Verified, newest=RERUNS)
                if event.experiment == experiment.id
            ),
            ablation=next(
                (
                    Ablation(experiment=number, **dict(event.data))
                    for event in reversed(archive.events.list(name, kind=Ablated, newest=RERUNS))
                    if event.experiment == experiment.id
                ),
                None,
            ),
            previous=number - 1 if number > 0 else None,
            following=number + 1 if number + 1 < len(experiments) else None,
        )


def experiment_line(experiment: Experiment, numbers: dict[str, int], crowned: Sequence[str]) -> ExperimentLine:
    """What the table says of an experiment."""
    proposal, verdict = experiment.proposal, experiment.verdict
    return ExperimentLine(
        number=experiment.number,
        standing=experiment.standing,
        kind=verdict.kind if verdict else None,
        score=experiment.score,
        interval=experiment.interval,
        delta=verdict.delta if verdict else None,
        delta_interval=verdict.interval if verdict else None,
        operator=str(proposal.operator) if proposal else "",
        idea=(proposal.plan or proposal.hypothesis) if proposal else "not proposed yet",
        parents=tuple(numbers[key] for key in (proposal.parents if proposal else ()) if key in numbers),
        champion=experiment.id in crowned,
        dethroned=experiment.claim is Claim.DETHRONED,
        created=experiment.created,
        finished=experiment.finished,
    )


def _table(
    experiments: Sequence[Experiment], numbers: dict[str, int], crowned: Sequence[str], standing: str, page: int
) -> Table:
    counts = {kind.value: 0 for kind in Standing}
    for experiment in experiments:
        counts[experiment.standing.value] += 1
    chosen = [e for e in reversed(experiments) if standing in ("", e.standing.value)]
    pages = max(1, -(-len(chosen) // PAGE_SIZE))
    page = min(max(1, page), pages)
    return Table(
        lines=tuple(experiment_line(e, numbers, crowned) for e in chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]),
        standing=standing,
        counts=counts,
        page=page,
        pages=pages,
    )


def _with_log_tail(trial: Trial) -> Trial:
    if len(trial.log_tail) <= LOG_SHOWN:
        return trial
    return trial.model_copy(update={"log_tail": "…" + trial.log_tail[-LOG_SHOWN:]})
