"""The pool of elites that parents are chosen from: which experiments are in it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from evolver.contracts import Campaign
from evolver.memory.tables import ExperimentRow

POOL_SIZE = 40
PER_SKELETON = 2
"""Elites of one skeleton that the pool keeps, so that constant-variants of one program do not fill it."""


def pool_rows(session: Session, campaign: Campaign) -> list[ExperimentRow]:
    """The elites, best first; the older one where scores are equal."""
    order: ColumnElement[Any] = (
        ExperimentRow.score.desc() if campaign.metric.direction == "maximize" else ExperimentRow.score.asc()
    )
    return list(
        session.scalars(
            select(ExperimentRow)
            .where(ExperimentRow.campaign == campaign.name, ExperimentRow.pooled == 1)
            .order_by(order, ExperimentRow.number)
        )
    )


def trim_pool(session: Session, campaign: Campaign) -> None:
    """Keep the best few of each skeleton and the best of all."""
    kept, per_skeleton = 0, Counter[str | None]()
    for row in pool_rows(session, campaign):
        per_skeleton[row.skeleton] += 1
        if kept >= POOL_SIZE or per_skeleton[row.skeleton] > PER_SKELETON:
            row.pooled = 0
        else:
            kept += 1
