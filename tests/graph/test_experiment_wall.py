"""One experiment that breaks something in Evolver is unusable, with the reason; no campaign ends or cannot be resumed."""

from __future__ import annotations

import errno
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.agents.offline.critic import OfflineCritic
from evolver.agents.offline.researcher import OfflineResearcher
from evolver.contracts import CampaignStatus, Standing
from evolver.errors import StorageError, WorkFailed
from evolver.evaluation.race import Runner
from evolver.graph import Context, arun
from evolver.graph.existing_archive import open_archive
from tests.support import improver
from tests.support.endpoint import Endpoint, Seen, Step, good
from tests.support.level_task import level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
DEEP = "(lambda: " * 1000 + "0" + ")" * 1000


def _breaks(kind: type, name: str, number: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(kind, name)

    async def broken(self: Any, experiment_id: str) -> Any:
        if self._resources.archive.experiments.get(experiment_id).number == number:
            raise error
        return await original(self, experiment_id)

    monkeypatch.setattr(kind, name, broken)


@pytest.mark.parametrize(
    ("kind", "name", "role"),
    [(OfflineResearcher, "propose", "researcher"), (Runner, "run", "runner"), (OfflineCritic, "conclude", "critic")],
)
async def test_an_error_ends_one_experiment(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, kind: type, name: str, role: str
) -> None:
    _breaks(kind, name, 2, OverflowError("(34, 'Numerical result out of range')"), monkeypatch)
    context = Context(task=str(level_task(tmp_path)), campaign="c", experiments=3, workers=1, home=home)
    summary = await arun(context)
    assert (summary.experiments, summary.status) == (3, CampaignStatus.FINISHED)
    with open_archive(home) as archive:
        lost = archive.experiments.by_number("c", 2)
        assert lost.standing is Standing.UNUSABLE and lost.verdict is not None
        assert f"the {role}'s work on it failed inside Evolver (OverflowError" in lost.verdict.reason
    again = await arun(context.model_copy(update={"experiments": 4}))
    assert again.experiments == 4


async def test_errors_in_every_experiment_end_the_campaign_with_their_words(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: object, experiment_id: str) -> None:
        raise KeyError("kept")

    monkeypatch.setattr(Runner, "run", broken)
    context = Context(task=str(level_task(tmp_path)), experiments=30, workers=1, home=home)
    with pytest.raises(WorkFailed, match=r"4 experiments in a row .*KeyError: 'kept'"):
        await arun(context)


async def test_a_full_disk_is_no_experiments_fault(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context(task=str(level_task(tmp_path)), campaign="c", experiments=3, workers=1, home=home)
    with monkeypatch.context() as patched:
        _breaks(Runner, "run", 2, OSError(errno.ENOSPC, "No space left on device", "/x"), patched)
        with pytest.raises(StorageError, match=r"/x: No space left on device; make room.*evolver resume c"):
            await arun(context)
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").status is CampaignStatus.PAUSED
    assert (await arun(context)).experiments == 3
    with open_archive(home) as archive:
        assert archive.campaigns.counts("c").standings.get("unusable", 0) == 0


def _odd(text: str, role: str, number: int) -> Callable[[Seen], Step]:
    """A model that answers one question of a role in an odd way, and all others well."""
    asked = []

    def script(seen: Seen) -> Step:
        if improver.role_of(seen) == role:
            asked.append(seen)
            if len(asked) == number:
                return good(text, usage=(100, 100))
        return improver.answer(seen)

    return script


@pytest.mark.parametrize(
    ("role", "text"),
    [
        ("coder", f"program.py\n```python\nX = {DEEP}\n\n\ndef point():\n    return [1, 2]\n```\n"),
        ("coder", f"program.py\n```python\nX = {'1 + ' * 2500}1\n\n\ndef point():\n    return [1, 2]\n```\n"),
        ("coder", "program.py\n```python\nX = '\ud83d'\n\n\ndef point():\n    return [1, 2]\n```\n"),
        ("coder", "program.py\n```python\nX = " + "9" * 5000 + "\n\n\ndef point():\n    return [1, 2]\n```\n"),
        ("coder", "program.py\n```python\nX = 1\x00\n\n\ndef point():\n    return [1, 2]\n```\n"),
        ("researcher", '{"hypothesis": "h", "plan": "Set X to 1 and Y to 2.", "parent": ' + "9" * 5000 + "}"),
        ("researcher", '{"hypothesis": "h", "plan": "Set X to 1 and Y to 2.", "parent": 99999999999999999999}'),
        ("researcher", '{"hypothesis": "half \\ud83d", "plan": "Set X to 1.0 and Y to 2.0.", "parent": 0}'),
        ("researcher", "[" * 100_000),
        ("researcher", '{"a": ' * 3000 + "1" + "}" * 3000),
        ("critic", '{"claim": "\\ud800 of it", "component": "\\udfff", "mechanism": "m", "caution": ""}'),
        ("critic", '{"claim": 1e999, "component": NaN}'),
    ],
)
def test_no_answer_of_a_model_ends_a_campaign(
    quadratic: Path, cli: Cli, role: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_OUTAGE_SECONDS", "1")
    with Endpoint(_odd(text, role, 1)) as endpoint:
        done = cli(
            *("run", quadratic, "-n", "2", "-w", "1", "--team", "llm", "--model", "openai:m"),
            *("--base-url", endpoint.url, "--json"),
        )
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["experiments"]) == ("finished", 2)
    assert "Traceback" not in done.stderr
