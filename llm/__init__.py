"""Language models: which one serves a role, asking it, reading its answers, and what it costs.

`parse_models` reads `--model` words; `ModelClient` asks models and keeps every paid answer in the archive;
`ReplayClient` gives the recorded answers again without a model; `read_program` turns edits or whole files into a
program.
"""

from evolver.contracts import Message
from evolver.errors import BudgetSpent, ContextTooLong, ModelError, NoUsableAnswer, ProviderDown
from evolver.llm.client import Answer, ModelClient
from evolver.llm.conversation import Conversation
from evolver.llm.edits import EditError, read_program
from evolver.llm.model_spec import ModelSpec, Role, models_for, parse_models
from evolver.llm.output_parser import AnswerError, read
from evolver.llm.pricing import Price, Prices
from evolver.llm.provider import RetryPolicy
from evolver.llm.replay_client import ReplayClient
from evolver.redaction import Redactor

__all__ = [
    "Answer",
    "AnswerError",
    "BudgetSpent",
    "ContextTooLong",
    "Conversation",
    "EditError",
    "Message",
    "ModelClient",
    "ModelError",
    "ModelSpec",
    "NoUsableAnswer",
    "Price",
    "Prices",
    "ProviderDown",
    "Redactor",
    "ReplayClient",
    "RetryPolicy",
    "Role",
    "models_for",
    "parse_models",
    "read",
    "read_program",
]
