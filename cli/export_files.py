"""`evolver export`: a campaign as plain files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.graph.campaign_lock import shown_status
from evolver.graph.export_import import RECORDING, write_recording
from evolver.graph.resolved_run import open_archive
from evolver.graph.summary import summarise
from evolver.settings import Settings, expanded


def export_as_git(name: str, folder: Path | None, patch: Path | None, as_json: bool) -> None:
    """Write a campaign as a git repository, its champion as a patch, or both."""
    from evolver.graph.git_export import champion_patch, write_repository

    said: dict[str, str | int] = {"campaign": name}
    with open_archive(Settings().home) as archive:
        archive.campaigns.get(name)
        if patch is not None:
            if patch.exists():
                raise UsageError(f"--patch {patch}: exists already; name a file that does not")
            text = champion_patch(archive, name)
            try:
                patch.write_text(text, encoding="utf-8")
            except OSError as error:
                raise UsageError(f"--patch {patch}: cannot be written: {error.strerror}") from None
            said |= {"patch": str(patch.absolute())}
        if folder is not None:
            said |= {"commits": write_repository(archive, name, folder), "git": str(folder.absolute())}
    if as_json:
        print(json.dumps(said))
        return
    if patch is not None:
        print(
            f"Wrote the champion's changes to {patch}; in the repository of the baseline: git apply {patch.absolute()}"
        )
    if folder is not None:
        print(f"Wrote {said['commits']} commits to {folder}; its branch main is the champion")


def export_campaign(name: str, output: Path, as_json: bool) -> None:
    """Write summary, best program with what it left, every experiment, trial, lesson, directive, call and program."""
    home, output = Settings().home, expanded(output)
    with open_archive(home) as archive:
        status = shown_status(archive.campaigns.get(name), Settings())
        summary = summarise(archive, name).model_copy(update={"status": status})
        if output.exists():
            raise UsageError(f"--output {output}: exists already; name a folder that does not")
        experiments = archive.experiments.list(name)
        try:
            output.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"--output {output}: cannot be made: {error.strerror}") from None
        (output / "summary.json").write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
        champion = archive.experiments.champion(name)
        if champion is not None and champion.program is not None:
            archive.programs.get(champion.program).write_to(output / "best" / "program")
            left = home / "best" / name
            if left.is_dir():
                shutil.copytree(left, output / "best" / "outputs")
        _write_lines(output / "experiments.jsonl", experiments)
        _write_lines(output / "trials.jsonl", [trial for e in experiments for trial in archive.trials.list(e.id)])
        _write_lines(output / "lessons.jsonl", archive.lessons.list(campaign=name))
        if directives := archive.directives.list(name):
            _write_lines(output / "directives.jsonl", directives)
        if calls := archive.calls.list(name):
            _write_lines(output / "calls.jsonl", calls)
            if not archive.campaigns.get(name).replays:
                write_recording(archive, name, output / RECORDING)
        for key in sorted({e.program for e in experiments if e.program}):
            archive.programs.get(key).write_to(output / "programs" / key)
    if as_json:
        print(json.dumps({"campaign": name, "output": str(output.absolute()), "experiments": len(experiments)}))
    else:
        best = output / "best" / "program"
        where = f"the best program is in {best}" if best.is_dir() else "there is no best program"
        print(f"Wrote {len(experiments)} experiments to {output}; {where}")


def _write_lines(path: Path, records: Sequence[Record]) -> None:
    path.write_text("".join(record.model_dump_json() + "\n" for record in records), encoding="utf-8")
