"""A collection of the shapes in which servers send answers, read by every reader."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from evolver.contracts import Program
from evolver.llm import read, read_program
from evolver.llm.answer_text import answer_text, as_thinking, is_all_thinking
from tests.llm.conftest import IDEA, Idea

DRAFT = (
    'I could write\n```python\ndef value():\n    return 0.0\n```\nor {"hypothesis": "none", "plan": "none"}, but no.'
)
CODE = 'PATTERN = """\n<think>\n</think>\n"""\n\n\ndef value():\n    return 2.0\n'
FILE = f"program.py\n```python\n{CODE}```\n"
EDIT = "program.py\n<<<<<<< SEARCH\n    return 1.0\n=======\n    return 2.0  # not <think>\n>>>>>>> REPLACE\n"
BASE = Program(files={"program.py": "def value():\n    return 1.0\n"})

SHAPES: dict[str, str] = {
    "bare": "{answer}",
    "DeepSeek R1, Qwen3": "<think>\n{draft}\n</think>\n\n{answer}",
    "Qwen3, thinking off": "<think>\n\n</think>\n\n{answer}",
    "on one line": "<think>short</think>{answer}",
    "opening in the prompt": "{draft}\n</think>\n\n{answer}",
    "closing at a line's end": "{draft} so be it.</think>\n{answer}",
    "speaks of the mark": "<think>\nprograms with </think> in them\n{draft}\n</think>\n{answer}",
    "thinking": "<thinking>\n{draft}\n</thinking>\n{answer}",
    "thought": "<thought>{draft}</thought>\n{answer}",
    "reasoning": "<reasoning>\n{draft}\n</reasoning>\n{answer}",
    "in capitals": "<THINK>\n{draft}\n</THINK>\n{answer}",
    "with attributes": '<think lang="en">\n{draft}\n</think>\n{answer}',
    "Seed": "<seed:think>\n{draft}\n</seed:think>\n{answer}",
    "Magistral": "[THINK]{draft}[/THINK]{answer}",
    "Kimi": "◁think▷{draft}◁/think▷{answer}",
    "OpenThinker": "<|begin_of_thought|>\n{draft}\n<|end_of_thought|>\n<|begin_of_solution|>\n{answer}\n<|end_of_solution|>",
    "Command A": "<|START_THINKING|>{draft}<|END_THINKING|><|START_RESPONSE|>{answer}<|END_RESPONSE|>",
    "gpt-oss": "<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{answer}<|return|>",
    "gpt-oss without marks": "analysisWe need {draft}assistantfinal{answer}",
    "Granite": "Here is my thought process:\n{draft}\nHere is my response:\n{answer}",
    "MedGemma": "<unused94>thought\n{draft}<unused95>{answer}",
    "twice": "<think>a</think>\n<think>\n{draft}\n</think>\n{answer}",
    "after a greeting": "Sure!\n\n<think>\n{draft}\n</think>\n{answer}",
    "byte order mark": "\ufeff<think>\n{draft}\n</think>\n{answer}",
    "chat template": "<|im_start|>assistant\n<think>\n{draft}\n</think>\n{answer}<|im_end|>",
    "end mark": "{answer}</s>",
    "thinking after it": "{answer}\n<think>\n{draft}\n</think>\n",
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_reader_finds_the_answer(shape: str) -> None:
    def sent(answer: str) -> str:
        return shape.replace("{draft}", DRAFT).replace("{answer}", answer)

    assert read(sent(json.dumps(IDEA)), Idea) == Idea(**IDEA)
    assert read_program(sent(FILE), BASE).files["program.py"] == CODE
    assert "return 2.0  # not <think>" in read_program(sent(EDIT), BASE).files["program.py"]
    assert answer_text(sent("Because it is steeper there.")).endswith("Because it is steeper there.")
    assert answer_text(answer_text(sent(FILE))) == answer_text(sent(FILE))


def test_where_there_is_thinking_alone_it_is_read() -> None:
    reply = as_thinking(json.dumps(IDEA))
    assert is_all_thinking(reply) and read(reply, Idea) == Idea(**IDEA)
    assert answer_text(reply, truncated=True) == ""
    assert answer_text("<think>\nhalf a thought", truncated=True) == ""


@pytest.mark.parametrize("mark", ["```", "~~~"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda code, mark: f"program.py\n{mark}python\n{code}{mark}\n",
        lambda code, mark: f"{mark}python program.py\n{code}{mark}\nThat is all.\n",
        lambda code, mark: f"{mark}python\n{code}{mark}\n",
    ],
)
@pytest.mark.parametrize(
    "inner",
    [
        "{mark}\nvalue()\n{mark}",
        "{mark}python\nvalue()\n{mark}\n\n{mark}\nmore\n{mark}",
        "    {mark}\n    x\n    {mark}",
    ],
)
def test_fences_inside_of_a_file(mark: str, wrap: Callable[[str, str], str], inner: str) -> None:
    code = f'"""A curve.\n\n{inner.replace("{mark}", mark)}\n"""\n\n\ndef value():\n    return 2.0\n'
    assert read_program(wrap(code, mark), BASE).files["program.py"] == code


def test_a_complaint_about_fences_names_the_way_out() -> None:
    with pytest.raises(ValueError, match="longer fence"):
        read_program('program.py\n```python\n"""A\n```\nvalue()\n```\nreturn (\n```\n', BASE)
