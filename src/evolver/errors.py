"""What can go wrong, grouped by who must act.

EvolverError
├── UsageError              the person at the keyboard: a wrong name, file, option or limit (exit status 2)
│   ├── WrongValue          whoever configures a run: an option has a value that it cannot have
│   ├── TaskError           the author of a task: its folder or task.yaml is wrong
│   ├── UnknownName         a campaign, experiment, task or archive of that name does not exist
│   ├── MemoryInUse         nobody: another process searches and writes the index; try again when it has ended
│   └── RunRefused          the client of a server: a run was asked for that cannot be
├── WorkFailed              the work itself: the baseline fails, no sandbox starts (exit status 1)
│   ├── StorageError        the system: a disk is full, a database is locked or damaged; the campaign is paused
│   ├── SandboxError        the sandbox backend cannot run jobs; a failing *program* is an outcome, never an error
│   ├── MachineBusy         the person: other work has the CPUs; the campaign is paused and can be resumed
│   ├── RunFailed           the client of a server: a run's work failed
│   └── ModelError          asking a language model; a wrong key, model name or option is a UsageError
│       ├── NoUsableAnswer      the role: this experiment gets no answer, the next one may
│       │   └── ContextTooLong  the role: send less
│       ├── BudgetSpent         nobody: the campaign's tokens or dollars are used up
│       └── ProviderDown        the person: the provider did not come back; the campaign can be resumed
│           └── ProviderUnreached   the person: no request ever left the machine (exit status 2)
└── CannotApply             the search: a recipe does not fit a program; another recipe may

Catch `EvolverError` for all of them. Wrong values of records are pydantic.ValidationError.
"""

from __future__ import annotations

__all__ = [
    "BudgetSpent",
    "CannotApply",
    "ContextTooLong",
    "EvolverError",
    "MachineBusy",
    "MemoryInUse",
    "ModelError",
    "NoUsableAnswer",
    "ProviderDown",
    "ProviderUnreached",
    "RunFailed",
    "RunRefused",
    "SandboxError",
    "StorageError",
    "TaskError",
    "UnknownName",
    "UsageError",
    "WorkFailed",
    "WrongValue",
]


class EvolverError(Exception):
    """Root of every error that Evolver raises on purpose.

    Its text is meant for the user: it says what is wrong and, where somebody can act, what to do.
    """


class UsageError(EvolverError):
    """Something the user wrote is wrong.

    Raised before any work, by whatever takes an option, a name, a file, a setting or a limit. The person who wrote it
    acts: the message names the file or option and what to do. The command line ends with status 2.
    """


class WrongValue(UsageError):
    """An option of a run has a value that it cannot have, or does not exist.

    Raised by `evolver.Context`, and by every place where a run is configured. Whoever wrote it acts: the message names
    the option as it is written there, and says what to write.
    """


class TaskError(UsageError):
    """A task folder does not keep the task contract.

    Raised by `evolver.load_task`, and by `evolver.run` and its kin, which load the task. The task's author acts: the
    message names the file, the field and what to write.
    """


class UnknownName(UsageError):
    """A campaign, experiment, stage, task, lesson or archive was asked for that does not exist.

    Raised by whatever takes a name: `evolver.load_task`, `evolver.open_archive`, `evolver.send`, an archive's
    repositories. The caller acts: the message suggests a near name, or says where names are listed.
    """


class MemoryInUse(UsageError):
    """Another process owns the search index of notes and lessons.

    Raised by `evolver memory` commands. Nobody needs to act but to wait: campaigns that run beside each other do
    without the index, each with one of its own made from the archive.
    """


class WorkFailed(EvolverError):
    """The work could not be done although it was asked for correctly.

    Raised by `evolver.run` and its kin where the baseline gets no score. The message says which trial failed and how;
    whoever owns the task or the machine acts. The command line ends with status 1.
    """


class MachineBusy(WorkFailed):
    """Other work has the CPUs, so that nothing can be measured.

    Raised by `evolver.run` and its kin where the baseline was starved again and again. The campaign is paused; it goes
    on with `evolver resume` once the machine is quieter.
    """


class SandboxError(WorkFailed):
    """The sandbox backend is missing or broken.

    Raised before the first trial where no backend starts, and in the middle of a campaign where one has stopped
    working. The machine's owner acts; `evolver doctor` says what is missing. A program that crashes, hangs or runs out
    of memory is an outcome (`evolver.TrialStatus`), never this error.
    """


class StorageError(WorkFailed):
    """A database, a disk or another part of the system fails under a campaign.

    Raised by `evolver.run` and its kin; the campaign is paused and nothing that was finished is lost. The person acts:
    the message says what the system says, and what to do before the campaign is run again under its name.
    """


class ModelError(WorkFailed):
    """Root of what asking a language model raises.

    A wrong key, model name or option is a UsageError instead.
    """


class NoUsableAnswer(ModelError):
    """A model gave no answer that can be used, repairs included.

    Raised to the role that asked: its experiment is lost, the campaign continues. Callers of `evolver.run` meet it
    where a team of models alone has given no usable answer for long; another model, or `team="hybrid"`, helps.

    Args:
        reason: Why the answer cannot be used, in words.

    Attributes:
        reason: The same words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ContextTooLong(NoUsableAnswer):
    """The messages do not fit into the model's context.

    Raised to the role that asked, which sends less and asks again.
    """


class BudgetSpent(ModelError):
    """The next call could pass the campaign's cap of tokens or dollars.

    Raised to the role that asked, and the campaign ends as one whose budget is spent; nobody needs to act. A higher
    cap (`evolver.Context`'s `cost` or `tokens`) lets it go on.
    """


class ProviderDown(ModelError):
    """A provider of models gave no answer for longer than a campaign waits (EVOLVER_OUTAGE_SECONDS).

    Raised by `evolver.run` and its kin; the campaign is paused. The person acts: look at the provider, then run the
    campaign again under its name. Nothing that was paid for is asked again.
    """


class ProviderUnreached(ProviderDown, UsageError):
    """No request has reached any provider so far: an address is wrong, nothing runs there, or there is no network.

    Raised at once instead of waiting as for a provider that was there before. The campaign is paused and nothing was
    paid. The person acts: the message names the address and the cause.
    """


class RunRefused(UsageError, RuntimeError):  # the server tells clients the words of RuntimeErrors, and of no others
    """A run on a LangGraph server that cannot be as it was asked for.

    Raised in the server where the context has unknown fields or wrong values, asks for what the network is not given,
    or names a campaign that another run has. Its client acts, who is told the message.
    """


class RunFailed(WorkFailed, RuntimeError):
    """A run on a LangGraph server whose work failed; the client is told why."""


class CannotApply(EvolverError):
    """A recipe does not fit the program that it is to change.

    Raised by search operators where the place is gone, nothing would change, or the result would be no program; the
    search then draws another recipe. Authors of operators raise it, callers of `evolver.run` never meet it.
    """
