"""The campaign graph: drawn as the design has it, run from Python, repeatable, resumable, within its budget."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus, Standing, TrialStatus, VerdictKind
from evolver.errors import UsageError, WorkFailed
from evolver.graph import Context, arun, build_graph
from evolver.graph.campaign_graph import lanes_for
from evolver.graph.resolved_run import open_archive

ROOT = Path(__file__).resolve().parents[2]


def test_the_graph_is_drawn_with_the_roles_as_nodes() -> None:
    drawn = build_graph().get_graph(xray=True)
    names = set(drawn.nodes)
    assert {"plan", "report", "lane:researcher", "lane:coder", "lane:runner", "lane:critic"} <= names
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    assert ("lane:researcher", "lane:coder") in edges
    assert ("lane:critic", "lane:researcher") in edges


def test_what_langgraph_json_names_is_there(home: Path) -> None:
    from importlib import import_module

    named = json.loads((ROOT / "langgraph.json").read_text())
    for path in [
        *(graph["path"] for graph in named["graphs"].values()),
        named["checkpointer"]["path"],
        named["http"]["app"],
    ]:
        module, _, attribute = path.replace(".served", ":served").partition(":")
        assert hasattr(import_module(module), attribute), path


def test_one_worker_gets_one_lane_and_more_get_twice_their_number() -> None:
    assert [lanes_for(workers) for workers in (1, 2, 8)] == [1, 4, 16]


async def test_the_graph_alone_runs_a_campaign(quadratic: Path, home: Path) -> None:
    result = await build_graph().ainvoke({}, context=Context(task=str(quadratic), experiments=6, workers=2, home=home))
    assert result["campaign"] == "quadratic-1"
    with open_archive(home) as archive:
        assert archive.campaigns.get("quadratic-1").status is CampaignStatus.FINISHED
        assert archive.campaigns.get("quadratic-1").champion == result["champion"]


async def test_a_campaign_improves_remembers_and_keeps_its_budget(quadratic: Path, home: Path) -> None:
    summary = await arun(Context(task=str(quadratic), experiments=40, workers=2, home=home))
    assert summary.status is CampaignStatus.FINISHED
    assert summary.experiments == 40
    assert summary.best is not None
    assert summary.baseline is not None
    assert summary.best.mean < 0.5 * summary.baseline.mean
    assert summary.fresh is not None
    assert summary.fresh.mean == pytest.approx(summary.best.mean)
    assert summary.lessons > 0
    with open_archive(home) as archive:
        experiments = archive.experiments.list(summary.campaign)
        assert [e.number for e in experiments] == list(range(41))
        for experiment in experiments[1:]:
            assert experiment.proposal is not None
            assert experiment.verdict is not None
            assert experiment.proposal.notes, "every proposal records the notes it was given"
        assert any(e.proposal.lessons for e in experiments if e.proposal), "lessons come back into later proposals"
        concluded = sorted((e for e in experiments if e.finished), key=lambda e: e.finished or e.created)
        confirmed = [e for e in concluded if e.standing is Standing.CONFIRMED]
        scores = [e.score for e in confirmed if e.score is not None]
        assert scores == sorted(scores, reverse=True), "each champion beats the one before"


async def test_the_same_seed_with_one_worker_gives_the_same_campaign(quadratic: Path, tmp_path: Path) -> None:
    series = []
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        summary = await arun(Context(task=str(quadratic), experiments=15, workers=1, seed=seed, home=tmp_path / folder))
        with open_archive(tmp_path / folder) as archive:
            series.append(
                [
                    (e.program, e.score, e.proposal.plan if e.proposal else "")
                    for e in archive.experiments.list(summary.campaign)
                ]
            )
    assert series[0] == series[1]
    assert series[0] != series[2]


async def test_a_finished_campaign_goes_on_when_its_budget_is_raised(quadratic: Path, home: Path) -> None:
    first = await arun(Context(task=str(quadratic), experiments=5, workers=1, home=home))
    again = await arun(Context(campaign=first.campaign, experiments=9, workers=2, home=home))
    assert again.experiments == 9
    same = await arun(Context(campaign=first.campaign, workers=2, home=home))
    assert same.experiments == 9
    with open_archive(home) as archive:
        assert [e.number for e in archive.experiments.list(first.campaign)] == list(range(10))


async def test_a_time_budget_ends_the_campaign(quadratic: Path, home: Path) -> None:
    summary = await arun(Context(task=str(quadratic), experiments=10_000, seconds=2.0, workers=2, home=home))
    assert summary.status is CampaignStatus.FINISHED
    assert summary.experiments < 1000 and "time budget" in summary.ended


async def test_lessons_of_earlier_campaigns_are_told_unless_recall_is_off(quadratic: Path, home: Path) -> None:
    first = await arun(Context(task=str(quadratic), experiments=20, workers=1, home=home))
    for recall in (True, False):
        later = await arun(Context(task=str(quadratic), experiments=3, workers=1, seed=9, recall=recall, home=home))
        with open_archive(home) as archive:
            told = archive.experiments.list(later.campaign)[1].proposal
            assert told is not None
            known = {lesson.id for lesson in archive.lessons.list(campaign=first.campaign)}
            assert bool(known & set(told.lessons) or told.lessons_withheld) is recall


async def test_a_failing_program_is_missing_data_and_the_campaign_goes_on(
    tmp_path: Path, home: Path, quadratic: Path
) -> None:
    import shutil

    task = tmp_path / "fragile"
    shutil.copytree(quadratic, task)
    program = (task / "baseline" / "program.py").read_text()
    (task / "baseline" / "program.py").write_text(
        program.replace(
            "    return [x, y]", "    if x > 1.0:\n        raise ValueError('too far east')\n    return [x, y]"
        )
    )
    summary = await arun(Context(task=str(task), experiments=25, workers=2, home=home))
    assert summary.experiments == 25
    assert summary.trials.get(TrialStatus.FAILED, 0) > 0
    with open_archive(home) as archive:
        for experiment in archive.experiments.list(summary.campaign):
            if any(t.status is TrialStatus.FAILED for t in archive.trials.list(experiment.id)):
                assert experiment.score is None
                assert experiment.verdict is not None
                assert experiment.verdict.kind is VerdictKind.UNUSABLE
                assert "too far east" in experiment.verdict.reason or experiment.number > 0


async def test_a_broken_baseline_fails_with_its_reason(tmp_path: Path, home: Path, quadratic: Path) -> None:
    import shutil

    task = tmp_path / "broken"
    shutil.copytree(quadratic, task)
    (task / "baseline" / "program.py").write_text("def point():\n    raise RuntimeError('no idea')\n")
    with pytest.raises(WorkFailed, match="no idea"):
        await arun(Context(task=str(task), experiments=3, home=home))


async def test_a_changed_task_is_refused_on_resumption(tmp_path: Path, home: Path, quadratic: Path) -> None:
    import shutil

    task = tmp_path / "moving"
    shutil.copytree(quadratic, task)
    summary = await arun(Context(task=str(task), experiments=2, home=home))
    (task / "private" / "target.json").write_text("[0.0, 0.0]")
    with pytest.raises(UsageError, match="has changed since"):
        await arun(Context(campaign=summary.campaign, experiments=4, home=home))


async def test_noise_needs_several_replicates(home: Path) -> None:
    summary = await arun(Context(task="function-fitting", experiments=6, workers=2, home=home))
    with open_archive(home) as archive:
        campaign = archive.campaigns.get(summary.campaign)
        assert campaign.noise is not None
        assert campaign.noise > 0
        assert summary.baseline is not None
        assert len(summary.baseline.seeds) >= 5
        for experiment in archive.experiments.list(summary.campaign)[1:]:
            if experiment.verdict is not None and experiment.verdict.kind is VerdictKind.IMPROVED:
                assert len(experiment.verdict.seeds) >= 3
                assert experiment.verdict.interval is not None
                assert experiment.verdict.interval[0] > 0
