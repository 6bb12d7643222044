"""Language models: which one serves a role, asking it, reading its answers, and what it costs.

`parse_models` reads `--model` words; `Caller` asks models and keeps every paid answer in the archive; `Replay` gives
the recorded answers again without a model; `read_program` turns edits or whole files into a program.
"""

from evolver.agents.models.calls import Answer, Caller
from evolver.agents.models.choice import ModelChoice, Role, models_for, parse_models
from evolver.agents.models.conversation import Conversation
from evolver.agents.models.edits import EditError, read_program
from evolver.agents.models.errors import BudgetSpent, ContextTooLong, ModelError, NoUsableAnswer, ProviderDown
from evolver.agents.models.prices import Price, Prices
from evolver.agents.models.provider import Patience
from evolver.agents.models.reading import AnswerError, read
from evolver.agents.models.secrets import Scrubber
from evolver.agents.models.transcripts import Replay
from evolver.contracts import Message

__all__ = [
    "Answer",
    "AnswerError",
    "BudgetSpent",
    "Caller",
    "ContextTooLong",
    "Conversation",
    "EditError",
    "Message",
    "ModelChoice",
    "ModelError",
    "NoUsableAnswer",
    "Patience",
    "Price",
    "Prices",
    "ProviderDown",
    "Replay",
    "Role",
    "Scrubber",
    "models_for",
    "parse_models",
    "read",
    "read_program",
]
