"""The archive: the truth about every campaign, in SQL. One short transaction a call, safe from several threads."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import FiniteFloat
from sqlalchemy import bindparam, func, insert, select, update

from evolver.contracts import (
    CampaignStatus,
    Experiment,
    Interval,
    Lesson,
    Program,
    Proposal,
    Record,
    Standing,
    Verdict,
    now,
)
from evolver.errors import UnknownName
from evolver.memory.backup import Backup
from evolver.memory.calls import Calls
from evolver.memory.campaigns import Campaigns
from evolver.memory.lessons import Lessons
from evolver.memory.mappers import (
    add_event,
    add_to_tallies,
    campaign_record,
    campaign_row,
    change_campaign,
    change_experiment,
    experiment_record,
    experiment_row,
    find_experiment,
    upsert,
    upsert_lesson,
)
from evolver.memory.schema import CoverageRow, CreditRow, ExperimentRow, ProgramRow, TallyRow
from evolver.memory.trials import Trials
from evolver.search.map_elites import pool_rows, trim_pool

BASELINE_LANE = -1

_ADD_EXPERIMENT = insert(ExperimentRow)
_VISIT = update(ExperimentRow).where(ExperimentRow.id == bindparam("key")).values(visits=ExperimentRow.visits + 1)
_OPEN = select(ExperimentRow).where(
    ExperimentRow.campaign == bindparam("campaign"), ExperimentRow.standing == Standing.OPEN, ExperimentRow.lane >= 0
)
_WITH_PROGRAM = select(ExperimentRow).where(
    ExperimentRow.program == bindparam("program"), ExperimentRow.campaign == bindparam("campaign")
)
_FAILURES = (
    select(ExperimentRow)
    .where(
        ExperimentRow.campaign == bindparam("campaign"),
        ExperimentRow.standing == Standing.UNUSABLE,
        ExperimentRow.visits == 0,
        ExperimentRow.program.is_not(None),
    )
    .order_by(ExperimentRow.number.desc())
    .limit(bindparam("limit"))
)
_PROGRAM = select(ProgramRow.files).where(ProgramRow.id == bindparam("id"))
_CREDITS = select(CreditRow).where(CreditRow.campaign == bindparam("campaign"))
_COVERED = select(CoverageRow.technique).where(
    CoverageRow.campaign == bindparam("campaign"), CoverageRow.skeleton == bindparam("skeleton")
)
_TALLIES = select(TallyRow).where(TallyRow.campaign == bindparam("campaign"))


class Conclusion(Record):
    """Everything that follows from a verdict, archived in one transaction."""

    experiment: str
    verdict: Verdict
    standing: Standing
    score: FiniteFloat | None = None
    interval: Interval | None = None
    lessons: tuple[Lesson, ...] = ()
    credits: dict[str, FiniteFloat] = {}
    """Reward by arm, in [0, 1]."""
    champion: bool = False


class Credit(Record):
    """What an arm has earned."""

    pulls: int
    total: float


class Counts(Record):
    """How far a campaign is."""

    leased: int
    finished: int
    """Experiments with a verdict, without the baseline."""
    standings: dict[str, int]
    trials: dict[str, int]
    seconds: float
    """Wall-clock seconds of all trials added up."""
    cpu_seconds: float
    reused_cpu_seconds: float
    """What the trials that stand in from other campaigns took there."""
    contended: int
    """Trials that waited for CPUs."""


class Archive(Campaigns, Lessons, Trials, Calls, Backup):
    """Leases, programs, experiments and verdicts, and what `Campaigns`, `Lessons`, `Trials` and `Calls` keep.

    `Backup` takes whole campaigns out and in.
    """

    # leases

    def lease(self, campaign: str, lane: int, seq: int) -> Experiment | None:
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
            connection.execute(_ADD_EXPERIMENT, {**place, "standing": Standing.OPEN, "visits": 0, "pooled": 0})
            add_event(connection, campaign, "leased", key, number=number)
            return Experiment.model_validate(place)

    def lane_positions(self, campaign: str) -> dict[int, int]:
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

    def unfinished(self, campaign: str) -> list[Experiment]:
        """Experiments that were leased and have no verdict yet, without the baseline."""
        with self._database.read() as connection:
            rows = connection.execute(_OPEN.order_by(ExperimentRow.number), {"campaign": campaign})
            return [experiment_record(row) for row in rows]

    # experiments

    def experiment(self, experiment_id: str) -> Experiment:
        """An experiment by id. Raises UnknownName."""
        with self._database.read() as connection:
            return experiment_record(experiment_row(connection, experiment_id))

    def experiment_by_number(self, campaign: str, number: int) -> Experiment:
        """An experiment by what people call it. Raises UnknownName."""
        with self._database.read() as connection:
            row = connection.execute(
                select(ExperimentRow).where(ExperimentRow.campaign == campaign, ExperimentRow.number == number)
            ).one_or_none()
            if row is None:
                raise UnknownName(f"campaign {campaign} has no experiment {number}; see `evolver show {campaign}`")
            return experiment_record(row)

    def experiments(self, campaign: str, after: int = -1, limit: int | None = None) -> list[Experiment]:
        """Experiments by number, those above `after`."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(ExperimentRow)
                .where(ExperimentRow.campaign == campaign, ExperimentRow.number > after)
                .order_by(ExperimentRow.number)
                .limit(limit)
            )
            return [experiment_record(row) for row in rows]

    def record_proposal(
        self, experiment_id: str, proposal: Proposal, techniques: Sequence[tuple[str, str]] = ()
    ) -> Experiment:
        """Keep a proposal, once; counts a visit of its first parent and marks (skeleton, technique) pairs as tried."""
        with self._database.write() as connection:
            recorded = experiment_record(experiment_row(connection, experiment_id))
            if recorded.proposal is not None:
                return recorded
            campaign = recorded.campaign
            change_experiment(connection, experiment_id, proposal=proposal.model_dump(mode="json"))
            if proposal.parents:
                connection.execute(_VISIT, {"key": proposal.parents[0]})
            tried = ({"campaign": campaign, "skeleton": s, "technique": t} for s, t in techniques)
            upsert(connection, CoverageRow, *tried)
            add_event(
                connection, campaign, "proposed", experiment_id, operator=str(proposal.operator), plan=proposal.plan
            )
            return recorded.model_copy(update={"proposal": proposal})

    def record_program(self, experiment_id: str, program: Program, skeleton: str) -> Experiment:
        """Keep an experiment's program, once."""
        with self._database.write() as connection:
            recorded = experiment_record(experiment_row(connection, experiment_id))
            if recorded.program is not None:
                return recorded
            upsert(connection, ProgramRow, {"id": program.id, "files": program.files})
            change_experiment(connection, experiment_id, program=program.id, skeleton=skeleton)
            add_event(connection, recorded.campaign, "coded", experiment_id, program=program.id)
            return recorded.model_copy(update={"program": program.id, "skeleton": skeleton})

    def replace_program(self, experiment_id: str, program: Program, skeleton: str, who: str) -> None:
        """Give an experiment that has no trials yet the program that a person wrote instead."""
        with self._database.write() as connection:
            upsert(connection, ProgramRow, {"id": program.id, "files": program.files})
            change_experiment(connection, experiment_id, program=program.id, skeleton=skeleton)
            campaign = experiment_row(connection, experiment_id).campaign
            add_event(connection, campaign, "edited", experiment_id, program=program.id, who=who)

    def program(self, program_id: str) -> Program:
        """A program by its hash. Raises UnknownName."""
        with self._database.read() as connection:
            files = connection.scalar(_PROGRAM, {"id": program_id})
        if files is None:
            raise UnknownName(f"there is no program {program_id} in the archive")
        return Program(files=files)

    def experiments_with_program(self, campaign: str, program_id: str) -> list[Experiment]:
        """Experiments of a campaign that have exactly this program."""
        with self._database.read() as connection:
            rows = connection.execute(_WITH_PROGRAM, {"program": program_id, "campaign": campaign})
            return [experiment_record(row) for row in rows]

    # verdicts

    def conclude(self, conclusion: Conclusion) -> bool:
        """Archive a verdict with all that follows from it; False, and nothing changes, if there is one already."""
        key, verdict, score = conclusion.experiment, conclusion.verdict, conclusion.score
        with self._database.write() as connection:
            row = experiment_row(connection, key)
            if row.verdict is not None:
                return False
            campaign, owner = row.campaign, campaign_row(connection, row.campaign)
            low, high = conclusion.interval or (None, None)
            pooled = conclusion.standing in (Standing.PROMISING, Standing.CONFIRMED) and score is not None
            change_experiment(
                connection,
                key,
                verdict=verdict.model_dump(mode="json"),
                standing=conclusion.standing,
                score=score,
                low=low,
                high=high,
                pooled=int(pooled),
                finished=now(),
            )
            if row.lane != BASELINE_LANE:
                change_campaign(connection, campaign, finished=owner.finished + 1)
                add_to_tallies(connection, campaign, {f"standing:{conclusion.standing}": 1.0})
            earned = (
                {"campaign": campaign, "arm": arm, "pulls": 1, "total": reward}
                for arm, reward in conclusion.credits.items()
            )
            upsert(connection, CreditRow, *earned, add=True)
            add_event(connection, campaign, "concluded", key, kind=str(verdict.kind), score=score)
            if pooled:
                trim_pool(connection, campaign_record(owner))
            if conclusion.champion:
                change_campaign(connection, campaign, data={**owner.data, "champion": key})
                add_event(connection, campaign, "champion", key, score=score)
            for lesson in conclusion.lessons:
                upsert_lesson(connection, lesson)
                add_event(connection, campaign, "lesson", key, claim=lesson.claim, status=str(lesson.status))
            return True

    def pool(self, campaign: str) -> list[Experiment]:
        """The elites that parents are chosen from, best first."""
        with self._database.read() as connection:
            record = campaign_record(campaign_row(connection, campaign))
            return [experiment_record(row) for row in pool_rows(connection, record)]

    def champion(self, campaign: str) -> Experiment | None:
        """The experiment that is best with evidence."""
        champion = self.campaign(campaign).champion
        return None if champion is None else self.experiment(champion)

    def failures(self, campaign: str, limit: int) -> list[Experiment]:
        """The most recent unusable experiments with a program that nobody has tried to repair, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(_FAILURES, {"campaign": campaign, "limit": limit})
            return [experiment_record(row) for row in rows]

    def credits(self, campaign: str) -> dict[str, Credit]:
        """What every arm has earned."""
        with self._database.read() as connection:
            rows = connection.execute(_CREDITS, {"campaign": campaign})
            return {row.arm: Credit(pulls=row.pulls, total=row.total) for row in rows}

    def covered(self, campaign: str, skeleton: str) -> set[str]:
        """Techniques that were tried on a skeleton."""
        with self._database.read() as connection:
            return set(connection.scalars(_COVERED, {"campaign": campaign, "skeleton": skeleton}))

    def counts(self, campaign: str) -> Counts:
        """How far a campaign is; costs the same however large the archive."""
        with self._database.read() as connection:
            owner = campaign_row(connection, campaign)
            tallies = {row.name: row.value for row in connection.execute(_TALLIES, {"campaign": campaign})}
        return Counts(
            leased=owner.leased,
            finished=owner.finished,
            seconds=tallies.get("seconds", 0.0),
            cpu_seconds=tallies.get("cpu_seconds", 0.0),
            reused_cpu_seconds=tallies.get("reused_cpu_seconds", 0.0),
            contended=int(tallies.get("contended", 0.0)),
            standings=_counted(tallies, "standing:"),
            trials=_counted(tallies, "trial:"),
        )


def _counted(tallies: dict[str, float], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value) for name, value in tallies.items() if name.startswith(prefix) and value
    }
