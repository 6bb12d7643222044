"""What can go wrong, grouped by who must act.

EvolverError
├── UsageError          the person at the keyboard: a wrong name, file, option or limit (exit status 2)
│   ├── TaskError       the author of a task: its folder or task.yaml is wrong
│   └── UnknownName     a campaign, experiment or task of that name does not exist
└── WorkFailed          the work itself: the baseline fails, no sandbox starts (exit status 1)
    ├── SandboxError    the sandbox backend cannot run jobs; a failing *program* is an outcome, never an error
    └── ModelError      asking a language model; a wrong key, model name or option is a UsageError
        ├── NoUsableAnswer      the role: this experiment gets no answer, the next one may
        │   └── ContextTooLong  the role: send less
        ├── BudgetSpent         nobody: the campaign's tokens or dollars are used up
        └── ProviderDown        the person: the provider did not come back; the campaign can be resumed
"""


class EvolverError(Exception):
    """Root of every error that Evolver raises on purpose; its text is meant for the user."""


class UsageError(EvolverError):
    """Something the user wrote is wrong; the message names the file or option and what to do."""


class TaskError(UsageError):
    """A task folder does not keep the task contract."""


class UnknownName(UsageError):
    """A campaign, experiment, task or lesson was asked for that does not exist."""


class WorkFailed(EvolverError):
    """The work could not be done although it was asked for correctly."""


class SandboxError(WorkFailed):
    """The sandbox backend is missing or broken."""


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
