"""What people can ask, one class a question."""

from __future__ import annotations

from evolver.errors import UnknownName
from evolver.steering.question_type import QuestionType
from evolver.steering.questions.activity import DoingQuestion, ProgressQuestion
from evolver.steering.questions.approvals import WaitingQuestion
from evolver.steering.questions.best import BestQuestion
from evolver.steering.questions.campaign_list import CampaignsQuestion
from evolver.steering.questions.campaign_review import ReviewQuestion
from evolver.steering.questions.cost import CostQuestion
from evolver.steering.questions.dossier import DossierQuestion
from evolver.steering.questions.experiment_questions import ChangedQuestion, CompareQuestion, ExperimentQuestion
from evolver.steering.questions.failures import FailuresQuestion
from evolver.steering.questions.given_directives import DirectivesQuestion
from evolver.steering.questions.help import AnythingQuestion, HelpQuestion
from evolver.steering.questions.learned import LearnedQuestion

_QUESTIONS: tuple[QuestionType, ...] = (
    BestQuestion(),
    FailuresQuestion(),
    DossierQuestion(),
    ReviewQuestion(),
    LearnedQuestion(),
    DoingQuestion(),
    ProgressQuestion(),
    CompareQuestion(),
    ChangedQuestion(),
    ExperimentQuestion(),
    DirectivesQuestion(),
    CostQuestion(),
    WaitingQuestion(),
    CampaignsQuestion(),
    AnythingQuestion(),
    HelpQuestion(),
)


def questions() -> tuple[QuestionType, ...]:
    """All questions, in the order in which a message is compared with them and people are told of them."""
    return _QUESTIONS


def question(kind: str) -> QuestionType:
    """A question by what `Inquiry.about` says. Raises UnknownName."""
    found = next((one for one in _QUESTIONS if one.kind == kind), None)
    if found is None:
        raise UnknownName(f"there is no question {kind!r}")
    return found
