"""Recordings: a campaign of models as a file, replayed in another data folder without a model, and what is refused."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.errors import UsageError
from evolver.graph.export_import import unpack_recording
from evolver.graph.resolved_run import open_archive
from tests.support import improver
from tests.support.endpoint import Endpoint

Cli = Any
SHIPPED = Path(__file__).resolve().parents[2] / "examples" / "local-model.jsonl.xz"


@pytest.fixture
def recording(cli: Cli, quadratic: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign that knew lessons of an earlier one, exported; afterwards the data folder is empty again."""
    for name in ("OPENAI_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVOLVER_ANSWER_TOKENS", "1000")
    notes = tmp_path / "far.md"
    notes.write_text(
        "# Far\n\nThe point lies far out.\n\n```python\ndef far(x, step=2.0):\n    x = x + step\n    return x\n```\n"
    )
    cli("run", quadratic, "-n", "3", "--seed", "5", "-c", "earlier")
    with Endpoint(improver.looking) as endpoint:
        words = ("--model", "openai:m", "--base-url", endpoint.url, "--team", "hybrid", "--notes", notes)
        cli("run", quadratic, "-n", "8", "-w", "1", "-c", "first", *words)
    cli("export", "first", "-o", tmp_path / "out")
    notes.unlink()
    home.rename(tmp_path / "first-home")
    return tmp_path / "out" / "recording.jsonl.xz"


@pytest.mark.slow
def test_a_recording_is_replayed_elsewhere(cli: Cli, recording: Path, home: Path) -> None:
    said = cli("replay", recording, "--fresh")
    assert "first-replay-1 agrees with first: the same proposals, programs and verdicts in 9 experiments" in said.stdout
    (folder,) = (home / "recordings").iterdir()
    assert f"EVOLVER_HOME={folder} evolver show first" in said.stderr
    with open_archive(folder) as archive:
        calls = archive.calls.list("first"), archive.calls.list("first-replay-1")
        assert any(call.tool_calls for call in calls[1]), "tools were used"
        assert calls[0] and [c.reply for c in calls[0]] == [c.reply for c in calls[1]]
        assert {lesson.campaign for lesson in archive.lessons.list()} == {"earlier", "first", "first-replay-1"}
    again = json.loads(cli("replay", recording, "--json").stdout)
    assert (again["replay"], again["differences"]) == ("first-replay-2", [])
    assert [path.name for path in home.iterdir()] == ["recordings"], "the user's own archive is left alone"


def test_the_shipped_recording_of_a_real_model_agrees(cli: Cli) -> None:
    result = json.loads(cli("replay", SHIPPED, "--json").stdout)
    assert result["experiments"] == 13 and result["differences"] == []


def rewritten(recording: Path, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    """The recording with other lines."""
    lines = [json.loads(line) for line in lzma.decompress(recording.read_bytes()).splitlines()]
    change(lines)
    recording.write_bytes(lzma.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return recording


def first_of(lines: list[dict[str, Any]], table: str) -> dict[str, Any]:
    return next(line["row"] for line in lines[1:] if line["table"] == table)


DAMAGES: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "of another version": (lambda lines: lines[0].update(archive="0000"), "archive revision 0000"),
    "of nobody": (lambda lines: lines[0].update(campaign="../../etc"), "names no campaign"),
    "of another campaign": (lambda lines: lines[0].update(campaign="other"), "no campaign 'other'"),
    "unknown table": (lambda lines: lines[5].update(table="sqlite_master"), "line 6"),
    "unknown column": (lambda lines: first_of(lines, "calls").update(more=1), "table calls has the columns"),
    "no table": (lambda lines: lines[2].clear(), "line 3"),
    "missing reference": (lambda lines: lines.pop(1), "FOREIGN KEY"),
    "twice": (lambda lines: lines.append(lines[1]), "UNIQUE"),
    "another program": (
        lambda lines: first_of(lines, "programs").update(files={"program.py": "import os\n"}),
        "is not the one that it names",
    ),
    "path that leads out": (
        lambda lines: first_of(lines, "programs").update(files={"../x.py": "pass\n"}),
        "not a plain relative path",
    ),
    "trial without sense": (lambda lines: first_of(lines, "trials").update(data={"status": "fine"}), "Trial"),
    "class by its path": (
        lambda lines: first_of(lines, "campaigns")["data"].update(parents="subprocess:Popen"),
        "parent selection 'subprocess:Popen', which is not registered here",
    ),
    "no moment": (lambda lines: first_of(lines, "experiments").update(created="now"), "line"),
}


def copied(tmp_path: Path) -> Path:
    """The shipped recording, to be damaged."""
    copy = tmp_path / "recording.jsonl.xz"
    copy.write_bytes(SHIPPED.read_bytes())
    return copy


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_recording_is_refused_whole(name: str, tmp_path: Path, home: Path) -> None:
    change, words = DAMAGES[name]
    recording = rewritten(copied(tmp_path), change)
    with pytest.raises(UsageError) as refused:
        unpack_recording(recording, home)
    assert str(recording) in str(refused.value) and words in str(refused.value)
    assert not list((home / "recordings").glob("*"))


@pytest.mark.parametrize("content", [b"", b"hello", lzma.compress(b"\xff\xfe"), lzma.compress(b"[1]\n"), None])
def test_what_is_no_recording_is_refused(content: bytes | None, tmp_path: Path, home: Path) -> None:
    recording = copied(tmp_path)
    recording.write_bytes(recording.read_bytes()[:-3000] if content is None else content)
    with pytest.raises(UsageError, match="is no recording that can be replayed here"):
        unpack_recording(recording, home)


def test_a_refusal_is_told_without_a_traceback(cli: Cli, tmp_path: Path) -> None:
    recording = copied(tmp_path)
    recording.write_bytes(b"hello")
    assert cli("replay", recording, check=2).stderr.startswith(f"evolver: {recording} is no recording")


def test_a_recording_does_not_choose_the_sandbox(cli: Cli, tmp_path: Path, home: Path) -> None:
    def unguarded(lines: list[dict[str, Any]]) -> None:
        first_of(lines, "campaigns")["data"]["sandbox"] = "none"

    recording = rewritten(copied(tmp_path), unguarded)
    cli("replay", recording)
    (folder,) = (home / "recordings").iterdir()
    with open_archive(folder) as archive:
        assert archive.campaigns.get("local").sandbox == "none" != archive.campaigns.get("local-replay-1").sandbox
    assert "WARNING: --sandbox none" in cli("replay", recording, "--sandbox", "none").stderr


def test_unpacking_twice_makes_one_folder(tmp_path: Path, home: Path) -> None:
    recording = copied(tmp_path)
    assert unpack_recording(recording, home) == unpack_recording(recording, home)
    assert len(list((home / "recordings").iterdir())) == 1
