"""Trials in the archive."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select

from evolver.contracts import Trial
from evolver.contracts.experiment_events import TrialEnded
from evolver.contracts.trial_record import SAYS_NOTHING
from evolver.memory.database import Repository
from evolver.memory.mappers import add_event, add_to_tallies, experiment_row, trial_record
from evolver.memory.schema import ExperimentRow, TrialRow

_ADD = insert(TrialRow)
_OF_EXPERIMENT = select(TrialRow.data).where(TrialRow.experiment == bindparam("experiment")).order_by(TrialRow.id)
_OF_CAMPAIGN = (
    select(TrialRow.data)
    .join(ExperimentRow, ExperimentRow.id == TrialRow.experiment)
    .where(ExperimentRow.campaign == bindparam("campaign"))
    .order_by(ExperimentRow.number, TrialRow.id)
)
_STAGES = (
    select(TrialRow.stage)
    .join(ExperimentRow, ExperimentRow.id == TrialRow.experiment)
    .where(ExperimentRow.campaign == bindparam("campaign"))
    .distinct()
)
_SAME = select(TrialRow).where(
    TrialRow.experiment == bindparam("experiment"),
    TrialRow.stage == bindparam("stage"),
    TrialRow.seed == bindparam("seed"),
)
_FINISHED = (
    select(TrialRow.data)
    .where(
        TrialRow.program == bindparam("program"),
        TrialRow.task_version == bindparam("task_version"),
        TrialRow.stage == bindparam("stage"),
        TrialRow.seed == bindparam("seed"),
        TrialRow.status.not_in(SAYS_NOTHING),
    )
    .order_by(TrialRow.id)
    .limit(1)
)


class TrialRepository(Repository):
    """Executions of programs, by experiment, stage and seed."""

    def add(self, trial: Trial, task_version: str) -> None:
        """Keep a trial; the same experiment, stage and seed again replaces it and is not counted twice."""
        with self._database.write() as connection:
            campaign = experiment_row(connection, trial.experiment).campaign
            place = {"experiment": trial.experiment, "stage": trial.stage, "seed": trial.seed}
            old = connection.execute(_SAME, place).one_or_none()
            if old is not None:
                connection.execute(delete(TrialRow).where(TrialRow.id == old.id))
                add_to_tallies(connection, campaign, _counted(trial_record(old), -1.0))
            connection.execute(
                _ADD,
                {
                    **place,
                    "program": trial.program,
                    "task_version": task_version,
                    "status": trial.status,
                    "data": trial.model_dump(mode="json"),
                },
            )
            add_to_tallies(connection, campaign, _counted(trial, 1.0))
            ended = TrialEnded(stage=trial.stage, seed=trial.seed, status=trial.status)
            add_event(connection, campaign, ended, trial.experiment)

    def list(self, experiment_id: str) -> Sequence[Trial]:
        """An experiment's trials.

        Args:
            experiment_id: As in `Experiment.id`.

        Returns:
            The trials in the order in which they ended.
        """
        with self._database.read() as connection:
            return [trial_record(row) for row in connection.execute(_OF_EXPERIMENT, {"experiment": experiment_id})]

    def of_campaign(self, campaign: str) -> Sequence[Trial]:
        """All trials of a campaign, by experiment and in the order in which they ended. Reads every one."""
        with self._database.read() as connection:
            return [trial_record(row) for row in connection.execute(_OF_CAMPAIGN, {"campaign": campaign})]

    def stages(self, campaign: str) -> frozenset[str]:
        """Names of the stages that a campaign has trials at."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(_STAGES, {"campaign": campaign}))

    def finished(self, program_id: str, task_version: str, stage: str, seed: int) -> Trial | None:
        """What any experiment found when it ran this program under the same task version, stage and seed."""
        asked = {"program": program_id, "task_version": task_version, "stage": stage, "seed": seed}
        with self._database.read() as connection:
            row = connection.execute(_FINISHED, asked).one_or_none()
            return None if row is None else trial_record(row)


def _counted(trial: Trial, sign: float) -> dict[str, float]:
    """What a trial adds to the campaign's counters."""
    return {
        f"trial:{trial.status}": sign,
        "seconds": sign * trial.seconds,
        "cpu_seconds": sign * trial.cpu_seconds,
        **({"reused_cpu_seconds": sign * trial.reused_cpu_seconds} if trial.reused_cpu_seconds else {}),
        **({"contended": sign} if trial.is_contended else {}),
    }
