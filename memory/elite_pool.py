"""The pool of elites that parents are chosen from: which experiments are in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update

from evolver.contracts import Campaign
from evolver.memory.schema import ExperimentRow

POOL_SIZE = 40
"""Elites of one pool; there are several where an experiment's niche names one."""
PER_SKELETON = 2
"""Elites of one skeleton that the pool keeps, so that constant-variants of one program do not fill it."""


def _best_first(*columns: Any) -> dict[str, Select[*tuple[Any, ...]]]:
    """By direction of the metric: columns of a campaign's elites."""
    pooled = select(*columns).where(ExperimentRow.campaign == bindparam("campaign"), ExperimentRow.pooled == 1)
    merit = func.coalesce(ExperimentRow.merit, ExperimentRow.score)
    orders = {"maximize": merit.desc(), "minimize": merit.asc()}
    return {direction: pooled.order_by(order, ExperimentRow.number) for direction, order in orders.items()}


_ELITES = _best_first(ExperimentRow)
_PLACES = _best_first(ExperimentRow.id, ExperimentRow.skeleton, ExperimentRow.niche)


def pool_rows(connection: Connection, campaign: Campaign) -> Sequence[Row[Any]]:
    """The elites by merit, best first; the older one where it is equal."""
    return connection.execute(_ELITES[campaign.metric.direction], {"campaign": campaign.name}).all()


def trim_pool(connection: Connection, campaign: Campaign) -> None:
    """Keep the best of all in each pool: the best few of each skeleton, or the best of each niche."""
    kept, per_place, dropped = Counter[str](), Counter[str | None](), []
    for key, skeleton, niche in connection.execute(_PLACES[campaign.metric.direction], {"campaign": campaign.name}):
        pool, place, most = niche.partition("/")[0] if niche else "", niche or skeleton, 1 if niche else PER_SKELETON
        per_place[place] += 1
        if kept[pool] >= POOL_SIZE or per_place[place] > most:
            dropped.append(key)
        else:
            kept[pool] += 1
    if dropped:
        connection.execute(update(ExperimentRow).where(ExperimentRow.id.in_(dropped)).values(pooled=0))
