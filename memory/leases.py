"""Places in a campaign's order: which experiment a lane works on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, insert, select

from evolver.contracts import CampaignStatus, Experiment, Standing, now
from evolver.contracts.experiment_events import Leased
from evolver.memory.database import Repository
from evolver.memory.mappers import (
    EXPERIMENTS,
    add_event,
    campaign_record,
    campaign_row,
    change_campaign,
    experiment_record,
    find_experiment,
)
from evolver.memory.schema import ExperimentRow

BASELINE_LANE = -1
_EMPTY = {"standing": Standing.OPEN, "visits": 0, "pooled": 0, "claim": "", "replicates": 0}

_ADD_EXPERIMENT = insert(ExperimentRow)
_OPEN = EXPERIMENTS.where(
    ExperimentRow.campaign == bindparam("campaign"), ExperimentRow.standing == Standing.OPEN, ExperimentRow.lane >= 0
)


class LeaseRepository(Repository):
    """Leases (campaign, lane, sequence number); each gives an experiment its id."""

    def acquire(self, campaign: str, lane: int, seq: int) -> Experiment | None:
        """The experiment at a lane's place: the one there, or a new one while the campaign runs and has budget."""
        with self._database.write() as connection:
            baseline = lane == BASELINE_LANE
            key = f"{campaign}-baseline" if baseline else f"{campaign}-{lane}-{seq}"
            row = find_experiment(connection, key)
            if row is not None:
                return experiment_record(row)
            owner, number = campaign_row(connection, campaign), 0
            if not baseline:
                record, number = campaign_record(owner), owner.leased + 1
                if number > record.budget.experiments or record.status is not CampaignStatus.RUNNING:
                    return None
                change_campaign(connection, campaign, leased=number)
            place = {"id": key, "campaign": campaign, "number": number, "lane": lane, "seq": seq, "created": now()}
            connection.execute(_ADD_EXPERIMENT, {**place, **_EMPTY})
            add_event(connection, campaign, Leased(number=number), key)
            return Experiment.model_validate(place)

    def positions(self, campaign: str) -> dict[int, int]:
        """For each lane that ever leased: its unfinished place, else its next one."""
        with self._database.read() as connection:
            top = connection.execute(
                select(ExperimentRow.lane, func.max(ExperimentRow.seq))
                .where(ExperimentRow.campaign == campaign, ExperimentRow.lane >= 0)
                .group_by(ExperimentRow.lane)
            )
            positions = {lane: seq + 1 for lane, seq in top}
            for row in connection.execute(_OPEN.order_by(ExperimentRow.seq.desc()), {"campaign": campaign}):
                positions[row.lane] = row.seq
            return positions

    def unfinished(self, campaign: str) -> Sequence[Experiment]:
        """Experiments that were leased and have no verdict yet, without the baseline."""
        with self._database.read() as connection:
            rows = connection.execute(_OPEN.order_by(ExperimentRow.number), {"campaign": campaign})
            return [experiment_record(row) for row in rows]
