"""The archive: the truth about every campaign, in SQL. One short transaction a call, safe from several threads."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import FiniteFloat
from sqlalchemy import Select, func, select, update

from evolver.contracts import (
    CampaignStatus,
    Experiment,
    Interval,
    Lesson,
    Program,
    Proposal,
    Record,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    now,
)
from evolver.errors import UnknownName
from evolver.memory.campaigns import Campaigns
from evolver.memory.elites import pool_rows, trim_pool
from evolver.memory.knowledge import Knowledge
from evolver.memory.rows import (
    add_event,
    add_to_tallies,
    campaign_record,
    campaign_row,
    experiment_record,
    experiment_row,
    trial_record,
    upsert_lesson,
)
from evolver.memory.tables import (
    CoverageRow,
    CreditRow,
    ExperimentRow,
    ProgramRow,
    TallyRow,
    TrialRow,
)

BASELINE_LANE = -1
NOT_REMEMBERED = (TrialStatus.CANCELLED, TrialStatus.TAMPERED)


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


class Archive(Campaigns, Knowledge):
    """Leases, programs, experiments, trials and verdicts, and what `Campaigns` and `Knowledge` keep."""

    # leases

    def lease(self, campaign: str, lane: int, seq: int) -> Experiment | None:
        """The experiment at a lane's place: the one there, or a new one while the campaign runs and has budget."""
        with self._database.write() as session:
            baseline = lane == BASELINE_LANE
            key = f"{campaign}-baseline" if baseline else f"{campaign}-{lane}-{seq}"
            row = session.get(ExperimentRow, key)
            if row is not None:
                return experiment_record(row)
            owner = campaign_row(session, campaign)
            record = campaign_record(owner)
            if not baseline and (
                owner.leased >= record.budget.experiments or record.status is not CampaignStatus.RUNNING
            ):
                return None
            if not baseline:
                owner.leased += 1
            row = ExperimentRow(
                id=key,
                campaign=campaign,
                number=0 if baseline else owner.leased,
                lane=lane,
                seq=seq,
                standing=Standing.OPEN,
                created=now(),
                visits=0,
                pooled=0,
            )
            session.add(row)
            session.flush()
            add_event(session, campaign, "leased", key, number=row.number)
            return experiment_record(row)

    def lane_positions(self, campaign: str) -> dict[int, int]:
        """For each lane that ever leased: its unfinished place, else its next one."""
        with self._database.read() as session:
            top = session.execute(
                select(ExperimentRow.lane, func.max(ExperimentRow.seq))
                .where(ExperimentRow.campaign == campaign, ExperimentRow.lane >= 0)
                .group_by(ExperimentRow.lane)
            )
            positions = {lane: seq + 1 for lane, seq in top}
            for row in session.scalars(_open(campaign).order_by(ExperimentRow.seq.desc())):
                if row.lane >= 0:
                    positions[row.lane] = row.seq
            return positions

    def unfinished(self, campaign: str) -> list[Experiment]:
        """Experiments that were leased and have no verdict yet, without the baseline."""
        with self._database.read() as session:
            rows = session.scalars(_open(campaign).where(ExperimentRow.lane >= 0).order_by(ExperimentRow.number))
            return [experiment_record(row) for row in rows]

    # experiments

    def experiment(self, experiment_id: str) -> Experiment:
        """An experiment by id. Raises UnknownName."""
        with self._database.read() as session:
            return experiment_record(experiment_row(session, experiment_id))

    def experiment_by_number(self, campaign: str, number: int) -> Experiment:
        """An experiment by what people call it. Raises UnknownName."""
        with self._database.read() as session:
            row = session.scalar(
                select(ExperimentRow).where(ExperimentRow.campaign == campaign, ExperimentRow.number == number)
            )
            if row is None:
                raise UnknownName(f"campaign {campaign} has no experiment {number}; see `evolver show {campaign}`")
            return experiment_record(row)

    def experiments(self, campaign: str, after: int = -1, limit: int | None = None) -> list[Experiment]:
        """Experiments by number, those above `after`."""
        with self._database.read() as session:
            rows = session.scalars(
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
        with self._database.write() as session:
            row = experiment_row(session, experiment_id)
            if row.proposal is not None:
                return experiment_record(row)
            row.proposal = proposal.model_dump(mode="json")
            if proposal.parents:
                session.execute(
                    update(ExperimentRow)
                    .where(ExperimentRow.id == proposal.parents[0])
                    .values(visits=ExperimentRow.visits + 1)
                )
            for skeleton, technique in techniques:
                session.merge(CoverageRow(campaign=row.campaign, skeleton=skeleton, technique=technique))
            add_event(
                session, row.campaign, "proposed", experiment_id, operator=str(proposal.operator), plan=proposal.plan
            )
            return experiment_record(row)

    def record_program(self, experiment_id: str, program: Program, skeleton: str) -> Experiment:
        """Keep an experiment's program, once."""
        with self._database.write() as session:
            row = experiment_row(session, experiment_id)
            if row.program is None:
                if session.get(ProgramRow, program.id) is None:
                    session.add(ProgramRow(id=program.id, files=program.files))
                    session.flush()
                row.program, row.skeleton = program.id, skeleton
                add_event(session, row.campaign, "coded", experiment_id, program=program.id)
            return experiment_record(row)

    def program(self, program_id: str) -> Program:
        """A program by its hash. Raises UnknownName."""
        with self._database.read() as session:
            row = session.get(ProgramRow, program_id)
            if row is None:
                raise UnknownName(f"there is no program {program_id} in the archive")
            return Program(files=row.files)

    def experiments_with_program(self, campaign: str, program_id: str) -> list[Experiment]:
        """Experiments of a campaign that have exactly this program."""
        with self._database.read() as session:
            rows = session.scalars(
                select(ExperimentRow).where(ExperimentRow.program == program_id, ExperimentRow.campaign == campaign)
            )
            return [experiment_record(row) for row in rows]

    # trials

    def record_trial(self, trial: Trial, task_version: str) -> None:
        """Keep a trial; the same experiment, stage and seed again replaces it and is not counted twice."""
        with self._database.write() as session:
            row = experiment_row(session, trial.experiment)
            old = session.scalar(
                select(TrialRow).where(
                    TrialRow.experiment == trial.experiment, TrialRow.stage == trial.stage, TrialRow.seed == trial.seed
                )
            )
            if old is not None:
                known = trial_record(old)
                add_to_tallies(
                    session,
                    row.campaign,
                    {f"trial:{known.status}": -1.0, "seconds": -known.seconds, "cpu_seconds": -known.cpu_seconds},
                )
                session.delete(old)
                session.flush()
            session.add(
                TrialRow(
                    experiment=trial.experiment,
                    program=trial.program,
                    task_version=task_version,
                    stage=trial.stage,
                    seed=trial.seed,
                    status=trial.status,
                    data=trial.model_dump(mode="json"),
                )
            )
            add_to_tallies(
                session,
                row.campaign,
                {f"trial:{trial.status}": 1.0, "seconds": trial.seconds, "cpu_seconds": trial.cpu_seconds},
            )
            add_event(
                session,
                row.campaign,
                "trial",
                trial.experiment,
                stage=trial.stage,
                seed=trial.seed,
                status=str(trial.status),
            )

    def trials(self, experiment_id: str) -> list[Trial]:
        """An experiment's trials in the order they were run."""
        with self._database.read() as session:
            rows = session.scalars(select(TrialRow).where(TrialRow.experiment == experiment_id).order_by(TrialRow.id))
            return [trial_record(row) for row in rows]

    def finished_trial(self, program_id: str, task_version: str, stage: str, seed: int) -> Trial | None:
        """What any experiment found when it ran this program under the same task version, stage and seed."""
        with self._database.read() as session:
            row = session.scalar(
                select(TrialRow)
                .where(
                    TrialRow.program == program_id,
                    TrialRow.task_version == task_version,
                    TrialRow.stage == stage,
                    TrialRow.seed == seed,
                    TrialRow.status.not_in(NOT_REMEMBERED),
                )
                .order_by(TrialRow.id)
                .limit(1)
            )
            return None if row is None else trial_record(row)

    # verdicts

    def conclude(self, conclusion: Conclusion) -> bool:
        """Archive a verdict with all that follows from it; False, and nothing changes, if there is one already."""
        with self._database.write() as session:
            row = experiment_row(session, conclusion.experiment)
            if row.verdict is not None:
                return False
            owner = campaign_row(session, row.campaign)
            row.verdict, row.standing = conclusion.verdict.model_dump(mode="json"), conclusion.standing
            row.score, row.finished = conclusion.score, now()
            row.low, row.high = conclusion.interval or (None, None)
            if row.lane != BASELINE_LANE:
                owner.finished += 1
                add_to_tallies(session, row.campaign, {f"standing:{conclusion.standing}": 1.0})
            for arm, reward in conclusion.credits.items():
                credit = session.get(CreditRow, (row.campaign, arm)) or CreditRow(
                    campaign=row.campaign, arm=arm, pulls=0, total=0.0
                )
                credit.pulls, credit.total = credit.pulls + 1, credit.total + reward
                session.add(credit)
            add_event(
                session, row.campaign, "concluded", row.id, kind=str(conclusion.verdict.kind), score=conclusion.score
            )
            if conclusion.standing in (Standing.PROMISING, Standing.CONFIRMED) and conclusion.score is not None:
                row.pooled = 1
                session.flush()
                trim_pool(session, campaign_record(owner))
            if conclusion.champion:
                owner.data = {**owner.data, "champion": row.id}
                add_event(session, row.campaign, "champion", row.id, score=conclusion.score)
            for lesson in conclusion.lessons:
                upsert_lesson(session, lesson)
                add_event(session, row.campaign, "lesson", row.id, claim=lesson.claim, status=str(lesson.status))
            return True

    def pool(self, campaign: str) -> list[Experiment]:
        """The elites that parents are chosen from, best first."""
        with self._database.read() as session:
            record = campaign_record(campaign_row(session, campaign))
            return [experiment_record(row) for row in pool_rows(session, record)]

    def champion(self, campaign: str) -> Experiment | None:
        """The experiment that is best with evidence."""
        champion = self.campaign(campaign).champion
        return None if champion is None else self.experiment(champion)

    def failures(self, campaign: str, limit: int) -> list[Experiment]:
        """The most recent unusable experiments with a program that nobody has tried to repair, newest first."""
        with self._database.read() as session:
            rows = session.scalars(
                select(ExperimentRow)
                .where(
                    ExperimentRow.campaign == campaign,
                    ExperimentRow.standing == Standing.UNUSABLE,
                    ExperimentRow.visits == 0,
                    ExperimentRow.program.is_not(None),
                )
                .order_by(ExperimentRow.number.desc())
                .limit(limit)
            )
            return [experiment_record(row) for row in rows]

    def credits(self, campaign: str) -> dict[str, Credit]:
        """What every arm has earned."""
        with self._database.read() as session:
            rows = session.scalars(select(CreditRow).where(CreditRow.campaign == campaign))
            return {row.arm: Credit(pulls=row.pulls, total=row.total) for row in rows}

    def covered(self, campaign: str, skeleton: str) -> set[str]:
        """Techniques that were tried on a skeleton."""
        with self._database.read() as session:
            return set(
                session.scalars(
                    select(CoverageRow.technique).where(
                        CoverageRow.campaign == campaign, CoverageRow.skeleton == skeleton
                    )
                )
            )

    def counts(self, campaign: str) -> Counts:
        """How far a campaign is; costs the same however large the archive."""
        with self._database.read() as session:
            owner = campaign_row(session, campaign)
            tallies = {
                row.name: row.value for row in session.scalars(select(TallyRow).where(TallyRow.campaign == campaign))
            }
        return Counts(
            leased=owner.leased,
            finished=owner.finished,
            seconds=tallies.get("seconds", 0.0),
            cpu_seconds=tallies.get("cpu_seconds", 0.0),
            standings=_counted(tallies, "standing:"),
            trials=_counted(tallies, "trial:"),
        )


def _counted(tallies: dict[str, float], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value) for name, value in tallies.items() if name.startswith(prefix) and value
    }


def _open(campaign: str) -> Select[ExperimentRow]:
    return select(ExperimentRow).where(ExperimentRow.campaign == campaign, ExperimentRow.standing == Standing.OPEN)
