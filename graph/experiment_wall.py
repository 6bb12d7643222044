"""A wall around each experiment: what goes wrong inside Evolver while one is worked on ends that one alone."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from evolver.contracts import Operator, Proposal, Standing, Verdict, VerdictKind
from evolver.contracts.experiment_events import GaveUp
from evolver.logging import get_logger
from evolver.memory.experiments import Conclusion
from evolver.redaction import Redactor
from evolver.system_errors import of_system
from evolver.text_files import whole_text

if TYPE_CHECKING:
    from evolver.memory import Archive

_log = get_logger(__name__)
CHECK = "Evolver's own work on it"
"""What such experiments did not get through: several in a row end the campaign, as with any other check."""
LONGEST = 400


def wall_off(archive: Archive, experiment_id: str, role: str, error: Exception) -> None:
    """Conclude an experiment as unusable because of an error of Evolver's own.

    Raises the error itself where it is the system's: a full disk or a locked database is no experiment's fault.
    """
    if of_system(error) is not None and not isinstance(error, MemoryError):
        raise error
    words = Redactor()(whole_text(f"{type(error).__name__}: {error}"))[:LONGEST]
    reason = f"the {role}'s work on it failed inside Evolver ({words.rstrip(': ')})"
    _log.warning("experiment %s: %s", experiment_id, reason)
    _log.info("%s", Redactor()("".join(traceback.format_exception(error))[-8000:]))
    experiment = archive.experiments.get(experiment_id)
    if experiment.proposal is None:
        nothing = Proposal(hypothesis=reason, plan="nothing to run", operator=Operator.EDIT)
        archive.experiments.add_proposal(experiment_id, nothing)
    archive.events.add(experiment.campaign, GaveUp(role=role, reason=reason, check=CHECK), experiment_id)
    verdict = Verdict(kind=VerdictKind.UNUSABLE, reason=reason)
    archive.experiments.conclude(Conclusion(experiment=experiment_id, verdict=verdict, standing=Standing.UNUSABLE))
