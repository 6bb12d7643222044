"""A thousand random tasks and replies through the real readers: no traceback, no hang, a place named."""

from __future__ import annotations

import random
import resource
import shutil
from pathlib import Path

from evolver.contracts import Program
from evolver.errors import TaskError
from evolver.llm import AnswerError, read, read_program
from evolver.llm.answer_text import answer_text
from evolver.tasks import load_task
from tests.llm.conftest import Idea
from tests.support.level_task import PROGRAM
from tests.support.random_inputs import random_reply, random_task

COUNT = 1000
LONGEST = 5.0
"""CPU seconds that the reading of one input may take; those that hang take for ever."""


def _cpu() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def test_random_tasks(tmp_path: Path) -> None:
    loaded = refused = 0
    for seed in range(COUNT):
        root, is_valid = random_task(random.Random(seed), tmp_path / str(seed))
        began = _cpu()
        try:
            task = load_task(root)
        except TaskError as error:
            refused += 1
            assert not is_valid, f"{seed}: {error}"
            assert str(root) in str(error), f"{seed}: {error} names no place"
        else:
            loaded += 1
            assert task.baseline().files and task.stages
        assert _cpu() - began < LONGEST, seed
        shutil.rmtree(root)
    assert loaded > COUNT / 3 and refused > COUNT / 5


def test_random_replies() -> None:
    base = Program(files={"program.py": PROGRAM})
    used = refused = 0
    for seed in range(COUNT):
        reply, began = random_reply(random.Random(seed)), _cpu()
        answer = answer_text(reply)
        assert answer_text(answer) == answer, seed
        for reader in (lambda text: read(text, Idea), lambda text: read_program(text, base)):
            try:
                reader(answer)
            except AnswerError as error:
                refused += 1
                assert str(error).strip(), seed
            else:
                used += 1
        assert _cpu() - began < LONGEST, seed
    assert used > COUNT / 10 and refused > COUNT / 5
