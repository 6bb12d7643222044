"""Which files of a program a model may change, add and take away."""

from __future__ import annotations

from evolver.contracts import Program
from evolver.llm import EditError
from evolver.tasks import Task


def allow_files(program: Program, base: Program, task: Task) -> None:
    """Raise EditError where a program has files, or lacks ones of `base`, that its task does not allow."""
    added, spec = sorted(program.files.keys() - base.files.keys()), task.spec.program
    if spec.is_tree and not spec.blocks:
        if wrong := [path for path in added if not task.may_have(path)]:
            raise EditError(
                f"{', '.join(wrong)} may not be changed or added: files of the program fit {', '.join(spec.files)}"
                + (f" and not {', '.join(spec.deny)}" if spec.deny else "")
            )
    elif added:
        raise EditError(f"{', '.join(added)} is no file of the program, which consists of {', '.join(base.files)}")
    elif gone := sorted(base.files.keys() - program.files.keys()):
        raise EditError(f"{', '.join(gone)} must stay: the program consists of {', '.join(base.files)}")
