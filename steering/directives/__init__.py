"""What people can have done, one class a directive.

Everything else iterates over these classes: what is understood from plain words, what a model that reads messages is
offered, `help`, the documentation, what lanes do, what researchers are told and how effects are measured. A new
directive is one class in a module of its own and its line below, or in another package an entry point of the group
`evolver.directives`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from evolver.contracts import Directive, Experiment
from evolver.errors import UnknownName
from evolver.registry import Registry
from evolver.steering.directive_effect import Effect
from evolver.steering.directive_type import AnyDirectiveType, DirectiveType
from evolver.steering.phrase import CommandPhrase

if TYPE_CHECKING:
    from evolver.memory import Archive

DIRECTIVES: Registry[CommandPhrase] = Registry(
    kind="directive",
    group="evolver.directives",
    builtin={
        "focus": f"{__name__}.focus:FocusDirective",
        "avoid": f"{__name__}.avoid:AvoidDirective",
        "pin": f"{__name__}.pin:PinDirective",
        "note": f"{__name__}.note:NoteDirective",
        "review": f"{__name__}.review_change:ReviewDirective",
        "budget": f"{__name__}.budget_change:BudgetDirective",
        "workers": f"{__name__}.workers:WorkersDirective",
        "pause": f"{__name__}.pause:PauseDirective",
        "resume": f"{__name__}.resume:ResumeDirective",
        "stop": f"{__name__}.stop:StopDirective",
        "verify": f"{__name__}.verify:VerifyDirective",
        "ablate": f"{__name__}.ablate:AblateDirective",
        "approve": f"{__name__}.approve:ApproveDirective",
        "reject": f"{__name__}.reject:RejectDirective",
        "withdraw": f"{__name__}.withdraw:WithdrawDirective",
        "switch": f"{__name__}.switch:SwitchCommand",
        "start": f"{__name__}.start:StartCommand",
    },
    methods=("kind", "does", "examples", "read"),
)
"""All directives, and the commands beside them, in the order in which people and models are told of them."""
_log = logging.getLogger(__name__)


@cache
def commands() -> tuple[CommandPhrase, ...]:
    """All that people can have done, in the order in which they are told of it; built-in ones come first."""
    found = [DIRECTIVES.load(kind)() for kind in DIRECTIVES.builtin]
    for kind in DIRECTIVES.added():
        try:
            added = DIRECTIVES.load(kind)()
            if added.kind != kind:
                raise UnknownName(f"the directive {kind} calls itself {added.kind}")
        except Exception as error:  # it is another package's: everything else is still to be understood
            _log.warning("the directive %s is left out: %s", kind, error)
        else:
            found.append(added)
    return tuple(found)


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
