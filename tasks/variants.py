"""Families of tasks: one task.yaml whose `variants` differ in some fields, such as the number of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolver.errors import TaskError

VARIANTS = "variants"


def variants_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a family's tasks; none where the content is one task. Raises TaskError."""
    found = content.get(VARIANTS)
    if found is None:
        return ()
    if not isinstance(found, dict) or not all(isinstance(fields, dict) for fields in found.values()) or not found:
        raise TaskError(
            "variants: write names with the fields in which they differ, as in my-task-32: {parameters: {n: 32}}"
        )
    return tuple(map(str, found))


def of_variant(content: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """The fields of one task, its parameters put into its texts. Raises TaskError where it has no such variant."""
    names = variants_of(content)
    fields = {name: value for name, value in content.items() if name != VARIANTS}
    if not names and not variant:
        return _with_parameters(fields)
    if variant not in names:
        raise TaskError(f"this is a family of tasks; name one below its folder: {', '.join(names) or 'it has none'}")
    for name, value in content[VARIANTS][variant].items():
        both = isinstance(value, dict) and isinstance(fields.get(name), dict)
        fields[name] = {**fields[name], **value} if both else value
    return _with_parameters({**fields, "name": variant})


def _with_parameters(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with {NAME} replaced in summary and interface; nothing else in braces is touched."""
    given = fields.get("parameters")
    if not isinstance(given, dict):
        return fields
    program = fields.get("program")
    if isinstance(program, dict):
        fields = {**fields, "program": _replaced(program, "interface", given)}
    return _replaced(fields, "summary", given)


def _replaced(fields: dict[str, Any], name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    text = fields.get(name)
    if isinstance(text, str):
        for key, value in given.items():
            text = text.replace(f"{{{key}}}", str(value))
    return {**fields, name: text}
