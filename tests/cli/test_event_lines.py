"""What a person is told of a campaign's events while it runs."""

from __future__ import annotations

from pathlib import Path

import evolver
from evolver.cli.event_lines import happening
from evolver.contracts import FreshTestResult
from evolver.contracts.champion_events import ConfirmationEnded
from evolver.graph.context import Context
from evolver.graph.resolved_run import register
from evolver.settings import Settings


def test_a_confirmation_names_the_experiment(quadratic: Path, home: Path) -> None:
    register(Context(task=str(quadratic), campaign="c", home=home))
    with evolver.open_archive(home) as archive:
        tested = archive.leases.acquire("c", lane=0, seq=0)
        assert tested is not None
        for result in (FreshTestResult.CROWNED, FreshTestResult.NOT_CONFIRMED):
            ended = ConfirmationEnded(result=result, against=0, replicates=4, delta=0.5, interval=(0.25, 0.75))
            archive.events.add("c", ended, tested.id)
        crowned, refused = (happening(event, archive, Settings()) for event in archive.events.list("c", newest=2))
    found = f"experiment {tested.number}, +0.5 [+0.25, +0.75], against experiment 0 on 4 fresh replicates"
    assert str(crowned) == f"Confirmed: {found}; it is the champion now."
    assert str(refused) == f"Not confirmed: {found}."
