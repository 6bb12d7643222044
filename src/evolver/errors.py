"""What can go wrong, grouped by who must act.

EvolverError
├── UsageError          the person at the keyboard: a wrong name, file, option or limit (exit status 2)
│   ├── TaskError       the author of a task: its folder or task.yaml is wrong
│   └── UnknownName     a campaign, experiment or task of that name does not exist
└── WorkFailed          the work itself: the baseline fails, no sandbox starts (exit status 1)
    └── SandboxError    the sandbox backend cannot run jobs; a failing *program* is an outcome, never an error
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
