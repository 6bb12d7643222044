"""Reads task.yaml, and puts a mistake in it into words."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from evolver.errors import TaskError
from evolver.tasks.spec import TaskSpec
from evolver.tasks.variants import of_variant, variants_of
from evolver.text_files import read_text


def read_spec(path: Path, variant: str = "") -> TaskSpec:
    """Read a task.yaml; raises TaskError that names the file, the field and what to write.

    Where it holds `variants`, tasks of one family by name with the fields in which they differ, `variant` is one of
    them.
    """
    content = _content(path)
    try:
        return TaskSpec.model_validate(of_variant(content, variant))
    except ValidationError as error:
        raise TaskError("\n".join(f"{path}: {_in_words(detail)}" for detail in _causes(error))) from None
    except TaskError as error:
        raise TaskError(f"{path}: {error}") from None


def read_variants(path: Path) -> tuple[str, ...]:
    """The names of the tasks in a task.yaml that holds a family; none where it holds one task. Raises TaskError."""
    return variants_of(_content(path))


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_text(path))
    except FileNotFoundError:
        raise TaskError(f"{path} does not exist; `evolver task new NAME` writes a task to start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        raise TaskError(f"{path}{_place(error)}: this is not YAML: {problem}") from None
    except (ValueError, OverflowError, RecursionError) as error:  # of a value: a date or number that cannot be, nesting
        why = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise TaskError(f"{path}: a value cannot be read: {why}") from None
    if not isinstance(content, dict):
        raise TaskError(f"{path}: expected fields such as `name: my-task`, found {type(content).__name__}")
    return content


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """The mistakes, without lists that are called empty only because their items are wrong."""
    details = error.errors(include_url=False)
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(
            len(other["loc"]) > len(detail["loc"]) and other["loc"][: len(detail["loc"])] == detail["loc"]
            for other in details
        )
    ]


def _in_words(detail: ErrorDetails) -> str:
    """One mistake: the field, what is wrong, what to write."""
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    said = detail["input"] if isinstance(detail["input"], str | int | float) else None
    message = detail["msg"].removeprefix("Value error, ")
    match detail["type"]:
        case "extra_forbidden":
            known = _fields_beside(detail["loc"])
            near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
            message = f"unknown field; {f'did you mean {near[0]}?' if near else 'use ' + ', '.join(known)}"
        case "missing":
            message = "this field is missing; add it"
        case "literal_error":
            message = f"{said!r} is not possible; write {detail['ctx']['expected']}"
        case "string_pattern_mismatch" if field == "name":
            message = f"{said!r} is not a task name; write lower-case words joined by hyphens, such as my-task"
        case "too_short":
            message = "this is empty; write at least one"
        case kind if said is not None and kind != "value_error":
            message = f"{message.replace('Input should', 'must')}, not {said!r}"
    return f"{field}: {message}" if field else message


def _fields_beside(loc: tuple[int | str, ...]) -> list[str]:
    """The fields that the model at `loc` without its last part has."""
    model: Any = TaskSpec
    for part in loc[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            inner = [
                kind
                for kind in (annotation, *get_args(annotation))
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            ]
            model = inner[0]
    return list(model.model_fields)
