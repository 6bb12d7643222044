"""What `help` and the documentation say about commands and questions, from their classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evolver.steering.directives import commands
from evolver.steering.questions import questions

WIDTH = 80
COLUMN = 40
"""Characters of the first of two columns."""


def help_lines() -> list[str]:
    """An example of each, in two columns."""
    said = [example for command in commands() for example in command.in_help or command.examples[:1]]
    asked = [example for question in questions() for example in question.in_help or question.examples[:1]]
    return ["You can say:", *_columns(said), "You can ask:", *_columns(asked)]


def _columns(items: Iterable[str]) -> Iterator[str]:
    left = ""
    for item in items:
        if left and len(item) <= WIDTH - COLUMN:
            yield f"  {left:{COLUMN - 2}}{item}"
            left = ""
            continue
        if left:
            yield f"  {left}"
        left = item
        if len(item) > COLUMN - 5:
            yield f"  {item}"
            left = ""
    if left:
        yield f"  {left}"


def directive_table() -> str:
    """A table of all commands, in Markdown."""
    rows = ["| kind | examples | what it does |", "| --- | --- | --- |"]
    for command in commands():
        examples = ", ".join(f"`{example}`" for example in command.examples)
        rows.append(f"| {command.kind} | {examples} | {command.does} |")
    return "\n".join(rows)


def question_list() -> str:
    """All questions, in Markdown."""
    return " · ".join(f"`{example}`" for question in questions() for example in question.examples)
