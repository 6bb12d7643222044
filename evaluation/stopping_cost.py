"""What early stopping saved, and what it cost: measured on the share that ran to its end all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evolver.contracts import Experiment, Interval, Record, Trial, TrialStatus
from evolver.evaluation.early_stopping import is_given_up
from evolver.evaluation.reliability import share_interval
from evolver.evaluation.stage_history import FIRST
from evolver.evaluation.statistics import mean_of


class StoppingCost(Record):
    """Of one campaign."""

    pruned: int
    """Trials that were stopped by their curve."""
    not_promoted: int
    """Experiments that were kept from the next stage."""
    cpu_saved: float
    """CPU seconds that these would have used, by the means of trials that ran to their end: an estimate."""
    audited: int
    """Experiments that a rule would have given up, drawn to go on."""
    scored: int
    """Of these, the ones with a score that decides."""
    better: int
    """Of those, the ones that were better than the champion of their time by their paired difference."""
    better_interval: Interval
    """90 % interval of the share of better ones."""
    regret: float | None
    """What giving one up costs: the mean of the gains of the better ones and 0 of the others; None without any."""

    def __str__(self) -> str:
        said = f"{self.pruned} trials stopped by their curve, {self.not_promoted} experiments not promoted"
        said += f", about {self.cpu_saved:.0f} CPU s saved"
        if not self.scored:
            return f"{said}; what that costs is not known: no audited experiment has a score"
        low, high = self.better_interval
        found = f"{self.better} of {self.scored} audited ones were better than the champion [{low:.0%}, {high:.0%}]"
        return f"{said}; {found}, regret {self.regret:.4g} each"


def stopping_cost(
    trials: Sequence[Trial], experiments: Mapping[str, Experiment], stages: Sequence[str]
) -> StoppingCost | None:
    """What a campaign's rules saved and cost; None where none has said anything.

    Args:
        trials: All of the campaign.
        experiments: Those that the trials belong to, by id.
        stages: Names of its stages up to the deciding one, in order.
    """
    said = [trial for trial in trials if trial.pruning and trial.experiment in experiments]
    if not said:
        return None
    cost = {stage: _mean_cost(trials, stage) for stage in stages}
    pruned = [trial for trial in said if trial.status is TrialStatus.PRUNED]
    kept_back = [trial for trial in said if is_given_up(trial) and trial.status is not TrialStatus.PRUNED]
    saved = sum(max(0.0, cost.get(trial.stage, 0.0) - trial.cpu_seconds) for trial in pruned)
    saved += sum(cost[stage] for trial in (*pruned, *kept_back) for stage in _after(trial.stage, stages))
    audited = {trial.experiment for trial in said if trial.audited}
    verdicts = [experiments[key].verdict for key in sorted(audited)]
    gains = [verdict.delta for verdict in verdicts if verdict is not None and verdict.delta is not None]
    better = sum(gain > 0.0 for gain in gains)
    return StoppingCost(
        pruned=len(pruned),
        not_promoted=len(kept_back),
        cpu_saved=saved,
        audited=len(audited),
        scored=len(gains),
        better=better,
        better_interval=share_interval(better, len(gains)),
        regret=mean_of([max(0.0, gain) for gain in gains]) if gains else None,
    )


def _mean_cost(trials: Sequence[Trial], stage: str) -> float:
    """CPU seconds of a trial that ran to its end at a stage."""
    ended = [t.cpu_seconds for t in trials if (t.stage, t.seed) == (stage, FIRST) and t.metrics and t.cpu_seconds]
    return mean_of(ended) if ended else 0.0


def _after(stage: str, stages: Sequence[str]) -> Sequence[str]:
    return stages[stages.index(stage) + 1 :] if stage in stages else ()
