"""Commands that a model runs: they share a folder, and reach nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from evolver.contracts import Program
from evolver.evaluation.sandbox_jobs import public_mounts
from evolver.evaluation.sandbox_session import SandboxSession
from evolver.sandbox import Sandbox, open_sandbox
from evolver.tasks import Task, load_task
from tests.support.level_task import level_task

HOSTILE = {
    "judge": "open('/judge/judge.py').read()",
    "private": "__import__('os').listdir('/private')",
    "task": "open({root!r} + '/judge.py').read()",
    "home": "__import__('os').listdir({home!r})",
    "network": "__import__('socket').create_connection(('127.0.0.1', 22), 1)",
    "program": "open('/program/program.py', 'w')",
    "public": "open('/public/planted', 'w')",
}


class Resources(NamedTuple):
    """What a session needs of a campaign."""

    home: Path
    task: Task
    sandbox: Sandbox
    stage: str = "full"
    labels: dict[str, str] = {}


@pytest.fixture
async def session(tmp_path: Path) -> SandboxSession:
    task = load_task(level_task(tmp_path))
    home = tmp_path / "home"
    home.mkdir()
    sandbox = open_sandbox("bubblewrap", 1, hidden=(home, task.root))
    session = SandboxSession(Resources(home, task, sandbox), "c-0-0", "coder")  # type: ignore[arg-type]
    await session.open()
    return session


async def test_commands_share_a_folder_and_programs_run_without_the_judge(session: SandboxSession) -> None:
    assert "said" in (await session.run_code("open('kept', 'w').write('x'); print('said')")).said
    assert "kept" in (await session.run_command("ls")).said
    found = await session.run_code("print(open('program.py').read())", {"program.py": "LEVEL = 1\n"})
    assert "LEVEL = 1" in found.said
    program = Program(files={"program.py": "print('seen')\n\n\ndef value():\n    return 1.0\n"})
    found = await session.run_program(program)
    assert "seen" in found.said and found.ended == "it ran to its end"
    await session.close()
    assert not session._folder.exists()


async def test_a_hostile_command_gets_nothing_and_outlives_nothing(session: SandboxSession) -> None:
    resources = session._resources
    tries = [
        f"try:\n    print('LEAK', {code.format(root=str(resources.task.root), home=str(resources.home))})\n"
        f"except Exception as error:\n    print('denied', {name!r}, type(error).__name__)\n"
        for name, code in HOSTILE.items()
    ]
    found = await session.run_code("\n".join(tries))
    assert found.said.count("denied") == len(HOSTILE) and "LEAK" not in found.said
    found = await session.run_code("import os; os.symlink('/etc/passwd', 'link'); os.mkdir('program.py')")
    assert "lost" in found.ended
    assert "link" not in (await session.run_command("ls")).said
    session._seconds = 0.5
    found = await session.run_command("sleep 60 & sleep 60")
    assert "was ended (timeout)" in found.ended
    assert public_mounts(resources.task) == ()
    await session.close()
