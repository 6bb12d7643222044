"""What people can have done, one class a directive.

Everything else iterates over these classes: what is understood from plain words, what a model that reads messages is
offered, `help`, the documentation, what lanes do, what researchers are told and how effects are measured. A new
directive is one class in a module of its own and its line below, or in another package an entry point of the group
`evolver.directives`.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

from evolver.contracts import Directive, Experiment
from evolver.errors import UnknownName
from evolver.steering.directive_effect import Effect
from evolver.steering.directive_type import AnyDirectiveType, DirectiveType
from evolver.steering.phrase import CommandPhrase

if TYPE_CHECKING:
    from evolver.memory import Archive

GROUP = "evolver.directives"
"""Of the entry points by which installed packages add directives, named by their kind."""
_BUILT_IN = {
    "focus": "focus:FocusDirective",
    "avoid": "avoid:AvoidDirective",
    "pin": "pin:PinDirective",
    "note": "note:NoteDirective",
    "budget": "budget_change:BudgetDirective",
    "workers": "workers:WorkersDirective",
    "pause": "pause:PauseDirective",
    "resume": "resume:ResumeDirective",
    "stop": "stop:StopDirective",
    "verify": "verify:VerifyDirective",
    "ablate": "ablate:AblateDirective",
    "approve": "approve:ApproveDirective",
    "reject": "reject:RejectDirective",
    "withdraw": "withdraw:WithdrawDirective",
    "switch": "switch:SwitchCommand",
    "start": "start:StartCommand",
}
"""Module and class by kind, in the order in which people and models are told of them."""
_log = logging.getLogger(__name__)


@cache
def commands() -> tuple[CommandPhrase, ...]:
    """All that people can have done, in the order in which they are told of it; built-in ones come first."""
    found = {kind: _built_in(path) for kind, path in _BUILT_IN.items()}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        try:
            added = point.load()()
            if not isinstance(added, CommandPhrase) or added.kind != point.name or added.kind in found:
                raise TypeError("it is no directive of that name, or one of that name is there already")
        except Exception as error:  # it is another package's: everything else is still to be understood
            _log.warning("the directive %s of %s cannot be used: %s", point.name, point.value, error)
        else:
            found[added.kind] = added
    return tuple(found.values())


def _built_in(path: str) -> CommandPhrase:
    module, _, name = path.partition(":")
    found = getattr(importlib.import_module(f"{__name__}.{module}"), name)()
    assert isinstance(found, CommandPhrase)
    return found


def by_precision() -> tuple[CommandPhrase, ...]:
    """The same in the order in which a message is compared with them: what takes nearly any words comes last."""
    return tuple(sorted(commands(), key=lambda command: command.free_text))


def directive_types() -> tuple[AnyDirectiveType, ...]:
    """The directives among them: what the archive keeps."""
    return tuple(command for command in commands() if isinstance(command, DirectiveType))


def find_type(kind: str) -> AnyDirectiveType | None:
    """A directive's class; None where its package is not installed any more."""
    return next((known for known in directive_types() if known.kind == kind), None)


def directive_type(kind: str) -> AnyDirectiveType:
    """A directive's class. Raises UnknownName."""
    found = find_type(kind)
    if found is None:
        raise UnknownName(f"there is no directive {kind!r}; there are {', '.join(t.kind for t in directive_types())}")
    return found


def measured_effect(
    archive: Archive, directive: Directive, experiments: Sequence[Experiment] | None = None
) -> Effect | None:
    """What a directive changed; None where that cannot be measured. `experiments` are all of the campaign by number."""
    known = find_type(directive.kind)
    return known.effect(archive, directive, experiments) if known is not None else None


def told_to_models(directives: Sequence[Directive]) -> list[Directive]:
    """Those of some directives that researchers are told who are models."""
    return [d for d in directives if (known := find_type(d.kind)) is not None and known.researchers != "none"]
