"""The pool of elites that parents are chosen from: which experiments are in it."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from evolver.contracts import Campaign
from evolver.memory.tables import ExperimentRow

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])
POOL_SIZE = 40
PER_SKELETON = 2
"""Elites of one skeleton that the pool keeps, so that constant-variants of one program do not fill it."""


def pool_rows(session: Session, campaign: Campaign) -> list[ExperimentRow]:
    """The elites, best first; the older one where scores are equal."""
    return list(session.scalars(_best_first(select(ExperimentRow), campaign)))


def trim_pool(session: Session, campaign: Campaign) -> None:
    """Keep the best few of each skeleton and the best of all."""
    kept, per_skeleton, dropped = 0, Counter[str | None](), []
    for key, skeleton in session.execute(_best_first(select(ExperimentRow.id, ExperimentRow.skeleton), campaign)):
        per_skeleton[skeleton] += 1
        if kept >= POOL_SIZE or per_skeleton[skeleton] > PER_SKELETON:
            dropped.append(key)
        else:
            kept += 1
    if dropped:
        session.execute(update(ExperimentRow).where(ExperimentRow.id.in_(dropped)).values(pooled=0))


def _best_first(query: Query, campaign: Campaign) -> Query:
    order: ColumnElement[Any] = (
        ExperimentRow.score.desc() if campaign.metric.direction == "maximize" else ExperimentRow.score.asc()
    )
    return query.where(ExperimentRow.campaign == campaign.name, ExperimentRow.pooled == 1).order_by(
        order, ExperimentRow.number
    )
