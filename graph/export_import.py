"""Recorded campaigns: as files, and what a replay may know of the one it repeats (places, memory as that found it)."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue, TypeAdapter

from evolver.contracts import CAMPAIGN_NAME, Campaign
from evolver.errors import UsageError
from evolver.registry import OPERATORS, PARENTS, SANDBOXES, TUNERS, Registry

if TYPE_CHECKING:
    from evolver.memory import Archive, Memory


RECORDING = "recording.jsonl.xz"
"""What `evolver export` calls the file."""
_LINE = TypeAdapter(dict[str, JsonValue])


def write_recording(archive: Archive, campaign: str, path: Path) -> None:
    """Write everything that is known of a campaign into one file. Raises UnknownName."""
    task = _task_name(archive.campaigns.get(campaign).task)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        for line in archive.backup.export_lines(campaign, task):
            file.write(json.dumps(line) + "\n")


def _task_name(reference: str) -> str:
    """The task's own name, or its folder's where the task is gone."""
    from evolver.tasks import load_task

    try:
        return load_task(reference).name
    except UsageError:
        return Path(reference).name


def unpack_recording(path: Path, home: Path) -> tuple[Path, str]:
    """A data folder inside `home` with the recorded campaign alone, made where it is not there yet, and its name.

    It has an archive of its own: nothing measured elsewhere mixes with what is measured here. Raises UsageError.
    """
    from evolver.memory import Archive

    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        name = str(next(_lines(path), {}).get("campaign", ""))
        if not re.fullmatch(CAMPAIGN_NAME, name):
            raise UsageError("its first line names no campaign")
        folder = home / "recordings" / f"{name}-{digest}"
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="unpacking-", dir=folder.parent) as scratch:
                unpacked = Path(scratch) / "home"
                unpacked.mkdir()
                with Archive.open(unpacked / "archive.sqlite") as archive:
                    archive.backup.import_lines(_lines(path))
                    _read_whole(archive, name)
                unpacked.rename(folder)
    except (OSError, EOFError, lzma.LZMAError, ValueError, UsageError) as error:
        raise UsageError(f"{path} is no recording that can be replayed here: {error}") from None
    return folder, name


def _read_whole(archive: Archive, name: str) -> None:
    """Find out now whether all records are what they should be. Raises ValueError and UnknownName."""
    campaign = archive.campaigns.get(name)
    choices: list[tuple[str, Registry[Any]]] = [
        (campaign.sandbox, SANDBOXES),
        (campaign.parents, PARENTS),
        (campaign.tuner, TUNERS),
        *((name, OPERATORS) for name in campaign.added_operators),
    ]
    for chosen, registry in choices:
        if not registry.is_registered(chosen):
            raise ValueError(f"it names the {registry.kind} {chosen!r}, which is not registered here")
    for experiment in archive.experiments.list(name):
        archive.trials.list(experiment.id)
        if experiment.program and archive.programs.get(experiment.program).id != experiment.program:
            raise ValueError(f"the program of experiment {experiment.number} is not the one that it names")
    for read in (
        archive.lessons.list,
        archive.notes.list,
        partial(archive.calls.list, name),
        partial(archive.directives.list, name),
    ):
        read()
    last = 0
    while events := archive.events.list(name, last):
        last = events[-1].id


def _lines(path: Path) -> Iterator[dict[str, JsonValue]]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield _LINE.validate_json(line)


def replay_memory(home: Path, name: str) -> Path:
    """The folder of a replay's own index."""
    return home / f"memory-{name}"


def open_replay_memory(home: Path, archive: Archive, campaign: Campaign) -> Memory:
    """An index of the replay's own: what the recorded campaign has learned must not be known beforehand."""
    from evolver.memory import Memory

    recorded = archive.campaigns.get(campaign.replays)
    memory = Memory.open(replay_memory(home, campaign.name), replace=True)
    memory.add_notes(archive.notes.list())
    for other in archive.campaigns.list():
        if other.name == campaign.name or (other.created < recorded.created and not other.replays):
            memory.add_lessons(archive.lessons.list(campaign=other.name))
    memory.add_ideas(archive.experiments.list(campaign.name))
    return memory


def recorded_places(archive: Archive, campaign: Campaign) -> frozenset[str]:
    """The experiments of a replay: those at whose places the recorded campaign came to a verdict."""
    own = f"{campaign.replays}-"
    return frozenset(
        f"{campaign.name}-{experiment.id.removeprefix(own)}"
        for experiment in archive.experiments.list(campaign.replays)
        if experiment.verdict is not None
    )
