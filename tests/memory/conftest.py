"""An archive in a new file, and campaigns, programs and conclusions to put into it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import (
    Budget,
    Campaign,
    Experiment,
    Lesson,
    LessonStatus,
    Metric,
    Operator,
    Program,
    Proposal,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.memory import Archive, Conclusion

MakeCampaign = Callable[..., Campaign]
MakeLesson = Callable[..., Lesson]
Finish = Callable[..., Experiment]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'archive.sqlite'}"


@pytest.fixture(scope="session")
def empty_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an archive without campaigns, to be copied: migrations take longer than most tests."""
    file = tmp_path_factory.mktemp("empty") / "archive.sqlite"
    Archive.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def archive(url: str, tmp_path: Path, empty_archive: Path) -> Iterator[Archive]:
    shutil.copy(empty_archive, tmp_path / "archive.sqlite")
    with Archive.open(url) as opened:
        yield opened


@pytest.fixture
def make_campaign() -> MakeCampaign:
    def make(name: str = "c", *, experiments: int = 1000, direction: str = "maximize", **changes: Any) -> Campaign:
        fields: dict[str, Any] = {
            "name": name,
            "task": "packing",
            "task_version": "v1",
            "metric": Metric.model_validate({"name": "area", "direction": direction}),
            "stage": "full",
            "seed": 0,
            "workers": 2,
            "budget": Budget(experiments=experiments),
            "sandbox": "auto",
        }
        return Campaign(**{**fields, **changes})

    return make


@pytest.fixture
def make_lesson() -> MakeLesson:
    def make(key: str = "l1", claim: str = "smaller steps help", **changes: Any) -> Lesson:
        fields: dict[str, Any] = {
            "id": key,
            "task": "packing",
            "campaign": "c",
            "claim": claim,
            "component": "step size",
            "operator": Operator.TUNE,
            "effect": 0.5,
            "interval": (0.1, 0.9),
            "evidence": ("c-0-0",),
            "confidence": 0.6,
            "status": LessonStatus.TENTATIVE,
        }
        return Lesson(**{**fields, **changes})

    return make


@pytest.fixture
def finish() -> Finish:
    """Takes an experiment from its lease to its conclusion."""

    def run(
        archive: Archive,
        seq: int,
        *,
        campaign: str = "c",
        lane: int = 0,
        score: float | None = 1.0,
        skeleton: str | None = None,
        standing: Standing = Standing.PROMISING,
        parents: tuple[str, ...] = (),
        **conclusion: Any,
    ) -> Experiment:
        experiment = archive.leases.acquire(campaign, lane, seq)
        assert experiment is not None
        program = Program(files={"program.py": f"VALUE = {experiment.id!r}\n"})
        proposal = Proposal(hypothesis="h", plan=f"plan {experiment.id}", operator=Operator.TUNE, parents=parents)
        archive.experiments.add_proposal(experiment.id, proposal)
        archive.experiments.add_program(experiment.id, program, skeleton or f"skeleton {experiment.id}")
        archive.trials.add(
            Trial(
                experiment=experiment.id,
                program=program.id,
                stage="full",
                seed=0,
                status=TrialStatus.FAILED if score is None else TrialStatus.OK,
                metrics={} if score is None else {"area": score},
                seconds=2.0,
                cpu_seconds=1.5,
            ),
            "v1",
        )
        kind = VerdictKind.UNUSABLE if score is None else VerdictKind.INDECISIVE
        done = archive.experiments.conclude(
            Conclusion(
                experiment=experiment.id, verdict=Verdict(kind=kind), standing=standing, score=score, **conclusion
            )
        )
        assert done
        return archive.experiments.get(experiment.id)

    return run
