"""What a campaign's stages, its early stopping and its fresh seeds say of how far its numbers can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.contracts import Campaign, Experiment, FreshTestKind, Record, Standing, Trial, TrialStatus
from evolver.contracts.champion_events import Retested
from evolver.evaluation.gap_alarm import FreshGap, SealedGap, fresh_gap, sealed_gaps
from evolver.evaluation.stage_agreement import StageAgreement, agreements
from evolver.evaluation.stopping_cost import StoppingCost, stopping_cost
from evolver.tasks.spec import STAGES

if TYPE_CHECKING:
    from evolver.memory import Archive


class StageSummary(Record):
    """Early stopping, agreement of stages, and gaps; empty where a campaign has one stage and stops nothing early."""

    stopping: StoppingCost | None = None
    """What early stopping saved and cost; None where it did nothing."""
    agreements: tuple[StageAgreement, ...] = ()
    """How cheaper stages order experiments, beside the deciding one."""
    fresh_gap: FreshGap | None = None
    """What is left on fresh seeds of what candidates gained on the search's; None with fewer than two tests."""
    sealed_gaps: tuple[SealedGap, ...] = ()
    """What is left in sealed metrics; empty until the champion was re-tested."""

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """What there is to be told, each with the name that it stands under."""
        found: list[tuple[str, object]] = [("stages", one) for one in self.agreements if not one.misleads]
        found += [("early stopping", self.stopping), ("fresh seeds", self.fresh_gap)]
        return tuple((name, str(one)) for name, one in found if one is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to be careful about, in sentences."""
        said = [str(one) for one in self.agreements if one.misleads]
        if self.fresh_gap is not None and self.fresh_gap.alarms:
            said.append(f"gap between search and fresh seeds: {self.fresh_gap}")
        said += [f"gap between public and sealed metrics: {gap}" for gap in self.sealed_gaps if gap.alarms]
        return tuple(said)


def stage_summary(archive: Archive, campaign: Campaign) -> StageSummary:
    """Read it from the archive; of a campaign with one stage, only the trials of tested experiments are looked at."""
    name = campaign.name
    tests = archive.fresh_tests.list(name, FreshTestKind.CONFIRMATION)
    counts = archive.campaigns.counts(name)
    stops = counts.standings.get(Standing.PRUNED, 0) or counts.trials.get(TrialStatus.PRUNED, 0)
    retested = bool(archive.events.list(name, kind=Retested, newest=1))
    stages = archive.trials.stages(name)
    if not (stops or retested or len(tests) > 1 or len(stages) > 1):
        return StageSummary()
    baseline = next(iter(archive.experiments.list(name, limit=1))).id
    champion = campaign.champion or baseline
    trials, experiments = list[Trial](), dict[str, Experiment]()
    if stops or len(stages) > 1:
        trials += archive.trials.of_campaign(name)
        experiments.update({experiment.id: experiment for experiment in archive.experiments.list(name)})
    else:
        tested = {key for test in tests for key in (test.experiment, test.reference)}
        for key in sorted({champion, baseline} | tested):
            trials += archive.trials.list(key)
    by_experiment: dict[str, list[Trial]] = {}
    for trial in trials:
        by_experiment.setdefault(trial.experiment, []).append(trial)
    ran = [stage for stage in STAGES if stage in stages]
    return StageSummary(
        stopping=stopping_cost(trials, experiments, ran),
        agreements=agreements(trials, campaign.metric.name, campaign.stage),
        fresh_gap=fresh_gap(tests, by_experiment, campaign.metric, campaign.stage),
        sealed_gaps=()
        if not retested or champion == baseline
        else sealed_gaps(champion, baseline, by_experiment, campaign.metric, campaign.stage),
    )
