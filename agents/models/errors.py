"""What can go wrong with models, grouped by who must act.

WorkFailed
└── ModelError
    ├── NoUsableAnswer      the role: this experiment gets no answer, the next one may
    │   └── ContextTooLong  the role: send less
    ├── BudgetSpent         nobody: the campaign's tokens or dollars are used up
    └── ProviderDown        the person: the provider did not come back; the campaign can be resumed

A wrong key, model name or option is a UsageError.
"""

from evolver.errors import WorkFailed


class ModelError(WorkFailed):
    """Root of what asking a model raises."""


class NoUsableAnswer(ModelError):
    """The model gave no answer that can be used, repairs included; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ContextTooLong(NoUsableAnswer):
    """The messages do not fit into the model's context."""


class BudgetSpent(ModelError):
    """The next call could pass the campaign's cap of tokens or dollars."""


class ProviderDown(ModelError):
    """A provider gave no answer for longer than a campaign waits."""
