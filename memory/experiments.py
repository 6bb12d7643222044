"""Experiments in the archive, from the proposal to the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import FiniteFloat
from sqlalchemy import bindparam, update

from evolver.contracts import Claim, Experiment, Interval, Lesson, Program, Proposal, Record, Standing, Verdict, now
from evolver.contracts.champion_events import ChampionCrowned
from evolver.contracts.experiment_events import Coded, Concluded, ProgramEdited, Proposed
from evolver.contracts.lesson_events import ChangeMeasured, LessonLearned
from evolver.errors import UnknownName
from evolver.memory.database import Repository
from evolver.memory.elite_pool import pool_rows, trim_pool
from evolver.memory.leases import BASELINE_LANE
from evolver.memory.mappers import (
    EXPERIMENTS,
    add_event,
    add_to_tallies,
    campaign_record,
    campaign_row,
    change_campaign,
    change_experiment,
    experiment_record,
    experiment_row,
    upsert,
    upsert_lesson,
)
from evolver.memory.schema import CoverageRow, CreditRow, ExperimentRow, ProgramRow

_VISIT = update(ExperimentRow).where(ExperimentRow.id == bindparam("key")).values(visits=ExperimentRow.visits + 1)
_WITH_PROGRAM = EXPERIMENTS.where(
    ExperimentRow.program == bindparam("program"), ExperimentRow.campaign == bindparam("campaign")
)
_FAILURES = (
    EXPERIMENTS.where(
        ExperimentRow.campaign == bindparam("campaign"),
        ExperimentRow.standing == Standing.UNUSABLE,
        ExperimentRow.visits == 0,
        ExperimentRow.program.is_not(None),
    )
    .order_by(ExperimentRow.number.desc())
    .limit(bindparam("limit"))
)


class Conclusion(Record):
    """Everything that follows from a verdict, archived in one transaction."""

    experiment: str
    verdict: Verdict
    standing: Standing
    score: FiniteFloat | None = None
    interval: Interval | None = None
    claim: Claim = Claim.NONE
    replicates: int = 0
    merit: FiniteFloat | None = None
    lessons: tuple[Lesson, ...] = ()
    renewed: tuple[Lesson, ...] = ()
    """Lessons of other changes that are estimated anew; no event tells of them."""
    measured: ChangeMeasured | None = None
    """What it says about its change."""
    credits: dict[str, FiniteFloat] = {}
    """Reward by arm, in [0, 1]."""
    champion: bool = False
    """Whether it is crowned here; a confirmation crowns before there is a verdict."""
    niche: str | None = None
    """`pool/place` where it competes in the pool; None: with the programs of its skeleton."""
    replaces: str = ""
    """Experiment in whose place this one is a parent from now on: its program does the same in fewer lines."""


MOST_NUMBER = 2**31 - 1
"""No campaign has so many experiments, and no database's column holds more for certain."""


class ExperimentRepository(Repository):
    """Proposals, programs and verdicts of experiments."""

    def get(self, experiment_id: str) -> Experiment:
        """An experiment by its id.

        Args:
            experiment_id: As in `Experiment.id`.

        Returns:
            The experiment as it is now.

        Raises:
            UnknownName: There is no such experiment in the archive.
        """
        with self._database.read() as connection:
            return experiment_record(experiment_row(connection, experiment_id))

    def by_number(self, campaign: str, number: int) -> Experiment:
        """An experiment by what people call it.

        Args:
            campaign: Name of the campaign.
            number: Its number in the campaign; the baseline has 0.

        Returns:
            The experiment as it is now.

        Raises:
            UnknownName: The campaign has no such experiment.
        """
        if not 0 <= number <= MOST_NUMBER:
            raise UnknownName(f"campaign {campaign} has no experiment of that number; they begin at 0, the baseline")
        with self._database.read() as connection:
            row = connection.execute(
                EXPERIMENTS.where(ExperimentRow.campaign == campaign, ExperimentRow.number == number)
            ).one_or_none()
            if row is None:
                raise UnknownName(f"campaign {campaign} has no experiment {number}; see `evolver show {campaign}`")
            return experiment_record(row)

    def list(self, campaign: str, after: int = -1, limit: int | None = None) -> Sequence[Experiment]:
        """A campaign's experiments.

        Args:
            campaign: Name of the campaign.
            after: Number after which to begin.
            limit: Most that are given; None: all.

        Returns:
            The experiments by number, the baseline among them.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                EXPERIMENTS.where(ExperimentRow.campaign == campaign, ExperimentRow.number > after)
                .order_by(ExperimentRow.number)
                .limit(limit)
            )
            return [experiment_record(row) for row in rows]

    def add_proposal(
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
            proposed = Proposed(operator=str(proposal.operator), plan=proposal.plan)
            add_event(connection, campaign, proposed, experiment_id)
            return recorded.model_copy(update={"proposal": proposal})

    def replace_proposal(self, experiment_id: str, proposal: Proposal) -> Experiment:
        """Give an experiment that has no program yet another proposal than the one that led to a known program."""
        with self._database.write() as connection:
            recorded = experiment_record(experiment_row(connection, experiment_id))
            if recorded.program is not None or recorded.proposal == proposal:
                return recorded
            change_experiment(connection, experiment_id, proposal=proposal.model_dump(mode="json"))
            before = recorded.proposal.parents[:1] if recorded.proposal is not None else ()
            if proposal.parents and proposal.parents[:1] != before:
                connection.execute(_VISIT, {"key": proposal.parents[0]})
            proposed = Proposed(operator=str(proposal.operator), plan=proposal.plan)
            add_event(connection, recorded.campaign, proposed, experiment_id)
            return recorded.model_copy(update={"proposal": proposal})

    def add_program(self, experiment_id: str, program: Program, skeleton: str) -> Experiment:
        """Keep an experiment's program, once."""
        with self._database.write() as connection:
            recorded = experiment_record(experiment_row(connection, experiment_id))
            if recorded.program is not None:
                return recorded
            upsert(connection, ProgramRow, {"id": program.id, "files": program.files})
            change_experiment(connection, experiment_id, program=program.id, skeleton=skeleton)
            add_event(connection, recorded.campaign, Coded(program=program.id), experiment_id)
            return recorded.model_copy(update={"program": program.id, "skeleton": skeleton})

    def replace_program(self, experiment_id: str, program: Program, skeleton: str, who: str) -> None:
        """Give an experiment that has no trials yet the program that a person wrote instead."""
        with self._database.write() as connection:
            upsert(connection, ProgramRow, {"id": program.id, "files": program.files})
            change_experiment(connection, experiment_id, program=program.id, skeleton=skeleton)
            campaign = experiment_row(connection, experiment_id).campaign
            add_event(connection, campaign, ProgramEdited(program=program.id, who=who), experiment_id)

    def with_program(self, campaign: str, program_id: str) -> Sequence[Experiment]:
        """Experiments of a campaign that have exactly this program."""
        with self._database.read() as connection:
            rows = connection.execute(_WITH_PROGRAM, {"program": program_id, "campaign": campaign})
            return [experiment_record(row) for row in rows]

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
                claim=conclusion.claim,
                replicates=conclusion.replicates,
                merit=conclusion.merit,
                pooled=int(pooled),
                niche=conclusion.niche,
                finished=now(),
            )
            if conclusion.replaces:
                replaced = experiment_row(connection, conclusion.replaces)
                change_experiment(connection, replaced.id, pooled=0)
                # What was tried on it counts, and it competes where that one did.
                change_experiment(connection, key, skeleton=replaced.skeleton, niche=replaced.niche)
            if row.lane != BASELINE_LANE:
                change_campaign(connection, campaign, finished=owner.finished + 1)
                add_to_tallies(connection, campaign, {f"standing:{conclusion.standing}": 1.0})
            earned = (
                {"campaign": campaign, "arm": arm, "pulls": 1, "total": reward, "squares": reward**2}
                for arm, reward in conclusion.credits.items()
            )
            upsert(connection, CreditRow, *earned, add=True)
            add_event(connection, campaign, Concluded(kind=verdict.kind, score=score), key)
            if pooled:
                trim_pool(connection, campaign_record(owner))
            if conclusion.champion:
                change_campaign(connection, campaign, data={**owner.data, "champion": key})
                add_event(connection, campaign, ChampionCrowned(score=score), key)
            if conclusion.measured is not None:
                add_event(connection, campaign, conclusion.measured, key)
            for lesson in conclusion.renewed:
                upsert_lesson(connection, lesson)
            for lesson in conclusion.lessons:
                upsert_lesson(connection, lesson)
                add_event(connection, campaign, LessonLearned(claim=lesson.claim, status=lesson.status), key)
            return True

    def set_merit(self, experiment_id: str, merit: float) -> None:
        """Rank a parent anew among the elites, after it was measured once more."""
        with self._database.write() as connection:
            change_experiment(connection, experiment_id, merit=merit)

    def pool(self, campaign: str) -> Sequence[Experiment]:
        """The elites that parents are chosen from.

        Args:
            campaign: Name of the campaign.

        Returns:
            The experiments, best first.

        Raises:
            UnknownName: There is no such campaign.
        """
        with self._database.read() as connection:
            record = campaign_record(campaign_row(connection, campaign))
            return [experiment_record(row) for row in pool_rows(connection, record)]

    def champion(self, campaign: str) -> Experiment | None:
        """The experiment that is best with evidence.

        Args:
            campaign: Name of the campaign.

        Returns:
            The experiment; None before the baseline was measured.

        Raises:
            UnknownName: There is no such campaign.
        """
        with self._database.read() as connection:
            champion = campaign_record(campaign_row(connection, campaign)).champion
            return None if champion is None else experiment_record(experiment_row(connection, champion))

    def failures(self, campaign: str, limit: int) -> Sequence[Experiment]:
        """The most recent unusable experiments with a program that nobody has tried to repair, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(_FAILURES, {"campaign": campaign, "limit": limit})
            return [experiment_record(row) for row in rows]
