"""Tests on fresh replicates: their blocks of seeds, what came of them, and whom they crown or dethrone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import FiniteFloat
from sqlalchemy import Connection, Row, func, insert, select, update

from evolver.contracts import (
    FIRST_FRESH_SEED,
    Claim,
    FreshTest,
    FreshTestKind,
    FreshTestResult,
    Interval,
    Record,
    Standing,
    Verdict,
)
from evolver.contracts.champion_events import ChampionCrowned, ChampionDethroned, ConfirmationEnded
from evolver.memory.database import Repository
from evolver.memory.mappers import add_event, campaign_row, change_campaign, change_experiment, experiment_row
from evolver.memory.schema import ExperimentRow, FreshTestRow, TrialRow


class ShownScore(Record):
    """The score that is shown of an experiment from now on, and what it stands on."""

    score: FiniteFloat
    interval: Interval
    claim: Claim
    replicates: int
    merit: FiniteFloat


class FreshTestRepository(Repository):
    """Fresh tests of campaigns. A seed belongs to one test at most, also over resumptions."""

    def list(self, campaign: str, kind: FreshTestKind | None = None) -> Sequence[FreshTest]:
        """A campaign's fresh tests.

        Args:
            campaign: Name of the campaign.
            kind: The only kind that is wanted; None: all.

        Returns:
            The tests in the order in which they were begun.
        """
        with self._database.read() as connection:
            return _tests(connection, campaign, kind)

    def begin(
        self,
        campaign: str,
        kind: FreshTestKind,
        experiment: str,
        *,
        size: int,
        reference: str = "",
        level: float = 0.0,
    ) -> FreshTest:
        """Reserve a block of seeds that nobody has used; the test that is open already, if it is the same one."""
        with self._database.write() as connection:
            tests = _tests(connection, campaign)
            for known in tests:
                same = (known.kind, known.experiment, known.reference) == (kind, experiment, reference)
                if known.result is FreshTestResult.OPEN and same:
                    return known
            test = FreshTest(
                campaign=campaign,
                number=len(tests) + 1,
                kind=kind,
                experiment=experiment,
                reference=reference,
                first_seed=_first_free(connection, campaign),
                size=size,
                level=level,
            )
            values = test.model_dump(exclude={"interval"})
            connection.execute(insert(FreshTestRow), {**values, "low": None, "high": None})
            return test

    def close(
        self,
        test: FreshTest,
        result: FreshTestResult,
        *,
        replicates: int,
        delta: float | None = None,
        interval: Interval | None = None,
        shown: ShownScore | None = None,
        verdict: Verdict | None = None,
    ) -> None:
        """Record what came of a test; one that is closed already stays as it is.

        `CROWNED` makes its experiment the champion in the same transaction. `shown` replaces the experiment's score,
        `verdict` the verdict of one that was concluded before.
        """
        with self._database.write() as connection:
            if not _close(connection, test, result, replicates, delta, interval):
                return
            changes: dict[str, Any] = {}
            if shown is not None:
                changes |= _columns(shown)
            if verdict is not None:
                changes |= {"verdict": verdict.model_dump(mode="json"), "standing": Standing.CONFIRMED, "pooled": 1}
            if changes:
                change_experiment(connection, test.experiment, **changes)
            if test.kind is FreshTestKind.CONFIRMATION:
                ended = ConfirmationEnded(
                    result=result,
                    against=experiment_row(connection, test.reference).number,
                    replicates=replicates,
                    delta=delta,
                    interval=interval,
                    level=test.level,
                )
                add_event(connection, test.campaign, ended, test.experiment)
            if result is FreshTestResult.CROWNED:
                _crown(connection, test.campaign, test.experiment)
                score = shown.score if shown is not None else None
                add_event(connection, test.campaign, ChampionCrowned(score=score), test.experiment)

    def dethrone(
        self,
        test: FreshTest,
        data: ChampionDethroned,
        successor: str,
        interval: Interval | None,
        shown: ShownScore | None,
    ) -> None:
        """Close a final test that its champion failed, and make an earlier champion the champion again."""
        with self._database.write() as connection:
            if not _close(connection, test, FreshTestResult.DETHRONED, data.replicates, data.delta, interval):
                return
            changes: dict[str, Any] = {"standing": Standing.PROMISING, "claim": Claim.DETHRONED}
            if shown is not None:
                changes |= _columns(shown)
            change_experiment(connection, test.experiment, **changes)
            _crown(connection, test.campaign, successor)
            add_event(connection, test.campaign, data, test.experiment)


def _tests(connection: Connection, campaign: str, kind: FreshTestKind | None = None) -> Sequence[FreshTest]:
    """Those of a campaign, of one kind if named, in the order in which they were begun."""
    query = select(FreshTestRow).where(FreshTestRow.campaign == campaign)
    if kind is not None:
        query = query.where(FreshTestRow.kind == kind)
    return [_record(row) for row in connection.execute(query.order_by(FreshTestRow.number))]


def _columns(shown: ShownScore) -> dict[str, Any]:
    """A shown score as an experiment's columns."""
    low, high = shown.interval
    return {**shown.model_dump(exclude={"interval"}), "low": low, "high": high}


def _record(row: Row[Any]) -> FreshTest:
    values = dict(row._mapping)
    low, high = values.pop("low"), values.pop("high")
    return FreshTest(**values, interval=None if low is None or high is None else (low, high))


def _first_free(connection: Connection, campaign: str) -> int:
    """The first seed above all that the campaign's trials have had, and those of one whose programs it begins with."""
    names = [campaign, str(campaign_row(connection, campaign).data.get("from_campaign") or campaign)]
    own = select(ExperimentRow.id).where(ExperimentRow.campaign.in_(names))
    used = connection.scalar(select(func.max(TrialRow.seed)).where(TrialRow.experiment.in_(own)))
    ends = select(func.max(FreshTestRow.first_seed + FreshTestRow.size)).where(FreshTestRow.campaign.in_(names))
    return max(FIRST_FRESH_SEED, (used or 0) + 1, connection.scalar(ends) or 0)


def _close(
    connection: Connection,
    test: FreshTest,
    result: FreshTestResult,
    replicates: int,
    delta: float | None,
    interval: Interval | None,
) -> bool:
    low, high = interval or (None, None)
    done = connection.execute(
        update(FreshTestRow)
        .where(
            FreshTestRow.campaign == test.campaign,
            FreshTestRow.number == test.number,
            FreshTestRow.result == FreshTestResult.OPEN,
        )
        .values(result=result, replicates=replicates, delta=delta, low=low, high=high)
    )
    return done.rowcount == 1


def _crown(connection: Connection, campaign: str, experiment: str) -> None:
    data = campaign_row(connection, campaign).data
    change_campaign(connection, campaign, data={**data, "champion": experiment})
