"""What a replay may know of the campaign that it repeats: its places, and the memory as that campaign found it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Campaign

if TYPE_CHECKING:
    from evolver.memory import Archive, Memory


def replay_memory(home: Path, name: str) -> Path:
    """The folder of a replay's own index."""
    return home / f"memory-{name}"


def open_replay_memory(home: Path, archive: Archive, campaign: Campaign) -> Memory:
    """An index of the replay's own: what the recorded campaign has learned must not be known beforehand."""
    from evolver.memory import Memory

    recorded = archive.campaign(campaign.replays)
    memory = Memory.open(replay_memory(home, campaign.name), replace=True)
    memory.add_notes(archive.notes())
    for other in archive.campaigns():
        if other.name == campaign.name or (other.created < recorded.created and not other.replays):
            memory.add_lessons(archive.lessons(campaign=other.name))
    for experiment in archive.experiments(campaign.name):
        if experiment.proposal is not None and experiment.lane >= 0:
            memory.add_idea(
                experiment.id, campaign.name, f"{experiment.proposal.hypothesis} {experiment.proposal.plan}"
            )
    return memory


def recorded_places(archive: Archive, campaign: Campaign) -> frozenset[str]:
    """The experiments of a replay: those at whose places the recorded campaign came to a verdict."""
    own = f"{campaign.replays}-"
    return frozenset(
        f"{campaign.name}-{experiment.id.removeprefix(own)}"
        for experiment in archive.experiments(campaign.replays)
        if experiment.verdict is not None
    )
