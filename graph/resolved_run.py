"""What a run comes to: settings, archive, task, campaign and sandbox, each made once in a process and handed down."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Budget, Campaign, CampaignConfig, CampaignStatus, SandboxKind
from evolver.contracts.run_config import Spelling, in_python
from evolver.errors import UnknownName, UsageError, WorkFailed
from evolver.graph.context import Context
from evolver.graph.team_factory import TeamSpec, check_search, check_team, team_spec_for
from evolver.registry import OPERATORS, PARENTS
from evolver.settings import Settings, expanded

if TYPE_CHECKING:
    from evolver.memory import Archive
    from evolver.sandbox import Protection, Sandbox
    from evolver.tasks import Task


KEPT = ("seed", "stage", "isolate", "notes", "parents", "tuner", "recall")
"""What a campaign keeps as it was when it began."""


def open_archive(home: Path, settings: Settings | None = None) -> Archive:
    """The archive of a data folder (or of EVOLVER_ARCHIVE), made if absent. Raises UsageError."""
    from evolver.memory import Archive

    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the data folder {home} cannot be made ({error.strerror}); set EVOLVER_HOME to one that can"
        ) from None
    return Archive.open((settings or Settings(home=home)).archive_place)


def register(context: Context) -> Campaign:
    """Create the campaign, or give an existing one its new budget and workers. Raises as `ResolvedRun.register`."""
    settings = Settings(home=context.home)
    with open_archive(context.home, settings) as archive:
        return ResolvedRun(context, settings=settings, archive=archive).register()


def cpus_of(task: Task, stage: str) -> int:
    """CPUs of one trial up to a stage (empty: the deciding one)."""
    return max(task.resources(spec).cpus for spec in task.stages_to(stage))


class ResolvedRun:
    """A run of a new campaign, or of one that is in the archive; what nobody asks for is not opened."""

    def __init__(
        self,
        context: Context,
        *,
        settings: Settings | None = None,
        archive: Archive | None = None,
        spelling: Spelling = in_python,
    ) -> None:
        """An `archive` that is given stays open; `spelling` is how messages name options."""
        self.context = context
        self.home = context.home.absolute()
        self.settings = settings or Settings(home=context.home)
        self._given = archive
        self._spelling = spelling
        self._sandbox: Sandbox | None = None
        self._campaign: Campaign | None = None

    @cached_property
    def archive(self) -> Archive:
        """The archive, open until `close`."""
        return self._given or open_archive(self.context.home, self.settings)

    @cached_property
    def existing(self) -> Campaign | None:
        """The campaign as it was before this run, where there was one."""
        if not self.context.campaign:
            return None
        try:
            return self.archive.campaigns.get(self.context.campaign)
        except UnknownName:
            return None

    @cached_property
    def task(self) -> Task:
        """The task, loaded once. Raises UnknownName or TaskError."""
        from evolver.tasks import load_task

        try:
            return load_task(self._reference, self.home)
        except UnknownName as error:
            known = self.existing
            if known is None or not Path(known.task).is_absolute() or self._says("task"):
                raise
            raise UnknownName(
                f"the task of campaign {known.name} is not in {known.task} any more; name the place where it is now: "
                f"evolver resume {known.name} --task PATH"
            ) from error

    @property
    def stage(self) -> str:
        """Name of the stage whose metric decides. Raises UnknownName."""
        said = self.existing.stage if self.existing else self.context.stage
        return self.task.stage(said).name if said else self.task.deciding_stage.name

    @property
    def workers(self) -> int:
        """Trials at a time: those that were asked for, else as many as can have CPUs of their own."""
        known = self.context.workers or (self.existing.workers if self.existing else None)
        return known or max(1, len(os.sched_getaffinity(0)) // cpus_of(self.task, self.stage))

    @property
    def sandbox_kind(self) -> SandboxKind:
        """Where programs run: where it was asked for, where the campaign's did, or as the settings say."""
        return self.context.sandbox or (self.existing.sandbox if self.existing else self.settings.sandbox)

    @property
    def team_spec(self) -> TeamSpec:
        """The team that was asked for, or that the campaign has. Raises UsageError."""
        return team_spec_for(self.context, self.settings, self.existing, self._spelling)

    @property
    def campaign(self) -> Campaign:
        """The campaign as the archive has it now; `register` comes first."""
        return self.archive.campaigns.get(self.name)

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self._campaign.name if self._campaign else self.context.campaign

    def register(self) -> Campaign:
        """Create the campaign, or give an existing one its new budget and workers; once, however often it is called.

        Raises UsageError for an unknown task or stage, missing notes, an impossible budget, or a task that has changed.
        """
        if self._campaign is None:
            self._campaign = self._continued(self.existing) if self.existing else self._begun()
        return self._campaign

    def adopt(self, campaign: Campaign) -> None:
        """Run a campaign that was put into the archive on this one's task in another way, such as its replay."""
        self._campaign = campaign

    def prepare_sandbox(self, progress: Callable[[str], None] | None = None) -> None:
        """Open the sandbox now, and tell what that takes, such as an image. Raises SandboxError and TaskError."""
        self._sandbox = self._open_sandbox(self.sandbox_kind, self.workers, progress)

    @property
    def where(self) -> str:
        """Where trials run, in words, once the sandbox is prepared."""
        return self._sandbox.where if self._sandbox is not None else self.sandbox_kind

    def protections(self) -> list[Protection]:
        """What the sandbox guards and how, once it is prepared."""
        return [] if self._sandbox is None else self._sandbox.protections()

    def take_sandbox(self) -> Sandbox:
        """The sandbox for the campaign's trials, which whoever takes it closes; a new one where one was taken."""
        taken, self._sandbox = self._sandbox, None
        if taken is not None:
            return taken
        campaign = self.campaign  # which may have got other workers meanwhile
        return self._open_sandbox(campaign.sandbox, campaign.workers, None)

    async def close(self) -> None:
        """Close what was opened here and handed to nobody; safe to call again."""
        if self._sandbox is not None:
            await self._sandbox.close()
            self._sandbox = None
        if self._given is None and "archive" in self.__dict__:
            self.__dict__.pop("archive").close()

    @property
    def _reference(self) -> str:
        """The task by a reference that holds from any working directory."""
        if self.existing and not self._says("task"):
            return self.existing.task
        path = self.settings.folder / expanded(self.context.task)
        is_there = path.is_dir() or (path.parent / "task.yaml").is_file()  # a member of a family has no folder
        return str(path.absolute()) if is_there else self.context.task

    @property
    def _notes_asked_for(self) -> tuple[str, ...]:
        return tuple(str(expanded(note).absolute()) for note in self.context.notes)

    def _says(self, name: str) -> bool:
        """Whether the person said something of an option, rather than leaving it as it is."""
        return name in self.context.model_fields_set

    def _refuse_another(self, campaign: Campaign) -> None:
        """Raises UsageError where something is asked for that an existing campaign has otherwise, for good."""
        asked: dict[str, object] = {name: getattr(self.context, name) for name in KEPT if self._says(name)}
        if "notes" in asked:
            asked["notes"] = self._notes_asked_for
        if not asked.get("stage"):
            asked.pop("stage", None)
        for name, value in asked.items():
            there = getattr(campaign, name)
            if value != there:
                raise UsageError(
                    f"campaign {campaign.name} exists with {self._spelling(name, there)}, and "
                    f"{self._spelling(name, value)} is asked for; choose another name, or leave it out"
                )
        there = self._task_name(campaign) if self._says("task") else ""
        if there and self.task.name != there:
            raise UsageError(
                f"campaign {campaign.name} exists with task {there} ({campaign.task}), and task {self.task.name} "
                f"({self._reference}) is asked for; choose another name, or leave the task out"
            )

    @staticmethod
    def _task_name(campaign: Campaign) -> str:
        """The name of a campaign's own task; empty where that is gone, and versions alone tell."""
        from evolver.tasks import load_task

        try:
            return load_task(campaign.task).name
        except UsageError:
            return ""

    def _begun(self) -> Campaign:
        from evolver.memory import read_notes
        from evolver.search.tuning import may_vary

        context, task = self.context, self.task
        read_notes([*([task.notes] if task.notes else []), *context.notes], task.name)  # or there is no campaign
        budget, team_spec = Budget.of(context, task.spec.budget.experiments, task.spec.target), self.team_spec
        if team_spec.team == "offline" and not may_vary(task.baseline()):
            raise WorkFailed(
                f"the offline team can vary nothing here; give {self._spelling('models', 'PROVIDER:NAME')}: "
                f"{', '.join(task.spec.program.files)} has no number with a name and no Python function to change"
            )
        check_team(team_spec, budget, context, self.settings, self._spelling)
        if getattr(PARENTS.load(context.parents), "needs_features", False) and not task.spec.features:
            raise UsageError(
                f"{self._spelling('parents', context.parents)} needs features, and task {task.name} declares none; add "
                "`features: [{name: METRIC, range: [LOW, HIGH]}]` to its task.yaml, or choose another way"
            )
        if context.from_campaign:
            self._take_notes(self.archive.campaigns.get(context.from_campaign))
        added = OPERATORS.added()
        check_search(context.parents, context.tuner, added, self._spelling)
        kept = {name: getattr(context, name) for name in CampaignConfig.model_fields}
        said = {
            "name": context.campaign or self.archive.campaigns.free_name(task.name),
            # What a repository holds moves on; the folder that was made of it does not.
            "task": str(task.root) if task.spec.program.source is not None else self._reference,
            "task_version": task.version,
            "scope": task.scope,
            "metric": task.metric,
            "objectives": task.spec.objectives,
            "stage": self.stage,
            "workers": self.workers,
            "sandbox": self.sandbox_kind,
            "notes": self._notes_asked_for,
            "budget": budget,
            "added_operators": added,
        }
        campaign = Campaign.model_validate({**kept, **said, **dict(team_spec)})
        self.archive.campaigns.add(campaign)
        return campaign

    def _take_notes(self, source: Campaign) -> None:
        """Let the notes of the campaign that this one begins with serve its task too."""
        from evolver.tasks import load_task

        name = load_task(source.task, self.home).name
        if name != self.task.name:
            notes = [note for note in self.archive.notes.list(name) if note.task]
            copies = [
                note.model_copy(update={"id": f"{note.id}-{self.task.name}"[:64], "task": self.task.name})
                for note in notes
            ]
            self.archive.notes.save(copies)

    def earlier(self) -> Campaign | None:
        """The newest finished campaign on the same scope, which this one could begin with; None for a continued one."""
        if self.existing or self.context.from_campaign:
            return None
        scope = self.task.scope
        found = [
            campaign
            for campaign in self.archive.campaigns.list()
            if campaign.scope == scope and campaign.status is CampaignStatus.FINISHED and not campaign.replays
        ]
        return max(found, key=lambda campaign: campaign.created, default=None)

    def _continued(self, campaign: Campaign) -> Campaign:
        context, task = self.context, self.task
        self._refuse_another(campaign)
        if task.version != campaign.task_version:
            raise UsageError(
                f"task {self._reference} has changed since campaign {campaign.name} began; scores would not be "
                "comparable. Undo the change, or start a new campaign."
            )
        known = campaign.budget
        budget = Budget(
            # Fewer than were begun would be a budget that is passed already.
            experiments=max(
                context.experiments or known.experiments, self.archive.campaigns.counts(campaign.name).leased
            ),
            seconds=context.seconds or known.seconds,
            usd=context.cost or known.usd,
            tokens=context.tokens or known.tokens,
            target=known.target if context.target is None else context.target,
            patience=context.patience or known.patience,
        )
        team_spec = self.team_spec
        check_search(campaign.parents, campaign.tuner, campaign.added_operators)
        if not campaign.replays:
            check_team(team_spec, budget, context, self.settings, self._spelling)
        return self.archive.campaigns.update(
            campaign.name,
            budget=budget,
            workers=self.workers,
            sandbox=self.sandbox_kind,
            approve_above=campaign.approve_above if context.approve_above is None else context.approve_above,
            status=CampaignStatus.RUNNING,
            task=self._reference,
            **dict(team_spec),
        )

    def _open_sandbox(self, kind: SandboxKind, workers: int, progress: Callable[[str], None] | None) -> Sandbox:
        from evolver.evaluation.environment import sandbox_for

        isolate = self.context.isolate if self.existing is None else self.existing.isolate
        slots = 1 if isolate else workers
        return sandbox_for(self.task, kind, slots, hidden=(self.home,), stage=self.stage, progress=progress)
