"""An archive with a long campaign in it, written through the archive's own calls."""

from __future__ import annotations

import random
from pathlib import Path

from evolver.contracts import (
    Budget,
    Call,
    CallStatus,
    Campaign,
    CampaignStatus,
    Directive,
    Lesson,
    LessonStatus,
    Message,
    Metric,
    Operator,
    Program,
    Proposal,
    Standing,
    Trial,
    TrialEstimate,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.contracts.champion_events import Retested
from evolver.contracts.lesson_events import CampaignReviewed, FactFound
from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive, Conclusion
from evolver.steering.approval import ask

HOSTILE = "<script>document.title = 'taken over'</script><img src=x onerror=\"document.title='taken over'\">"
BODY = [f"    total = total + {i} * values[{i}]" for i in range(60)]


def program(number: int, rng: random.Random) -> Program:
    lines = list(BODY)
    for _ in range(1 + number % 4):
        lines[rng.randrange(len(lines))] = f"    total = total + {rng.random():.4f} * values[0]  # try {number}"
    head = f'"""A candidate. {HOSTILE}"""\n\nRATE = {rng.random():.5f}\n\n\ndef score(values):\n    total = 0.0\n'
    return Program(files={"program.py": head + "\n".join(lines) + "\n    return total\n"})


def make_campaign(home: Path, name: str = "long", experiments: int = 2000, *, hostile: bool = True) -> None:
    """A finished campaign with champions, failures, lessons, directives and a model call."""
    rng = random.Random(1)
    with open_archive(home) as archive:
        archive.campaigns.add(
            Campaign(
                name=name,
                task="function-fitting",
                task_version="1",
                metric=Metric(name="rmse", direction="minimize", range=(0, None)),
                stage="full",
                seed=0,
                workers=2,
                sandbox="bubblewrap",
                budget=Budget(experiments=experiments),
                team="hybrid",
                models=("openai:gpt-5-mini",),
            )
        )
        champion, best = _baseline(archive, name), 1.0
        pool = [champion]
        for number in range(1, experiments + 1):
            if number % 400 == 7:
                directive = f"{name}-d{number}"
                archive.directives.add(
                    Directive(id=directive, campaign=name, kind="focus", text="focus on the initial layout", who="Ada")
                )
            champion, best = _experiment(archive, name, number, champion, best, pool, rng, hostile)
        words = HOSTILE if hostile else ""
        archive.events.add(name, FactFound(text=f"Half of the lines are short. {words}", command="print(lines[:5])"))
        archive.events.add(
            name,
            CampaignReviewed(
                number=10,
                state=f"Rates matter most. {words}",
                next_experiments=("Halve the rate.",),
                by="openai:gpt-5-mini",
            ),
        )
        archive.events.add(
            name,
            Retested(
                mean=best * 1.01,
                baseline=1.002,
                delta=1.002 - best * 1.01,
                interval=(0.9 * (1 - best), 1.1 * (1 - best)),
            ),
            champion,
        )
        archive.campaigns.update(name, status=CampaignStatus.FINISHED, noise=0.01, noise_replicates=5, seconds=8123.0)


def make_waiting(home: Path, name: str) -> int:
    """Pause a made campaign with one more experiment, which waits for approval; its number."""
    with open_archive(home) as archive:
        champion = archive.experiments.champion(name)
        assert champion is not None
        budget = archive.campaigns.get(name).budget
        more = budget.model_copy(update={"experiments": budget.experiments + 9})
        archive.campaigns.update(name, budget=more, status=CampaignStatus.RUNNING)
        leased = archive.leases.acquire(name, 90, 0)
        assert leased is not None
        archive.experiments.add_proposal(
            leased.id,
            Proposal(
                hypothesis=f"more terms help {HOSTILE}",
                plan="train four times as long",
                operator=Operator.EDIT,
                parents=(champion.id,),
                component="score()",
            ),
        )
        archive.experiments.add_program(leased.id, program(leased.number, random.Random(3)), "s")
        ask(
            archive,
            archive.experiments.get(leased.id),
            TrialEstimate(stages=("full",), trials=8, seconds=2400, gpu_seconds=0),
        )
        archive.campaigns.update(name, status=CampaignStatus.PAUSED)
        return leased.number


def _baseline(archive: Archive, name: str) -> str:
    baseline = archive.leases.acquire(name, -1, 0)
    assert baseline is not None
    archive.experiments.add_proposal(
        baseline.id, Proposal(hypothesis="what the task brings", plan="run the baseline", operator=Operator.BASELINE)
    )
    first = program(0, random.Random(0))
    archive.experiments.add_program(baseline.id, first, "s")
    archive.trials.add(_trial(baseline.id, first.id, 1.0), "1")
    archive.experiments.conclude(
        Conclusion(
            experiment=baseline.id,
            verdict=Verdict(kind=VerdictKind.IMPROVED, seeds=(0, 1, 2)),
            standing=Standing.CONFIRMED,
            score=1.0,
            interval=(0.98, 1.02),
            champion=True,
        )
    )
    return baseline.id


def _trial(experiment: str, program_id: str, score: float | None, log: str = "") -> Trial:
    return Trial(
        experiment=experiment,
        program=program_id,
        stage="full",
        seed=0,
        status=TrialStatus.FAILED if score is None else TrialStatus.OK,
        metrics={} if score is None else {"rmse": score},
        seconds=1.3,
        cpu_seconds=1.2,
        peak_memory=90 << 20,
        log_tail=log,
        reason="" if score is not None else "ZeroDivisionError: float division by zero",
    )


def _experiment(
    archive: Archive,
    name: str,
    number: int,
    champion: str,
    best: float,
    pool: list[str],
    rng: random.Random,
    hostile: bool,
) -> tuple[str, float]:
    leased = archive.leases.acquire(name, number % 4, number // 4)
    assert leased is not None
    key = leased.id
    parent = champion if rng.random() < 0.6 else rng.choice(pool)
    words = HOSTILE if hostile and number % 50 == 2 else ""
    archive.experiments.add_proposal(
        key,
        Proposal(
            hypothesis=f"A smaller step near the optimum lowers rmse {words}",
            plan=f"change RATE and {number % 4 + 1} terms of score() {words}",
            operator=rng.choice([Operator.TUNE, Operator.EDIT, Operator.CROSSOVER]),
            parents=(parent,),
            directives=(f"{name}-d7",) if 8 <= number < 40 else (),
            component="score()",
            author="openai:gpt-5-mini" if number % 3 == 0 else "",
        ),
    )
    if 8 <= number < 40:
        archive.directives.mark_used([f"{name}-d7"], key)
    made = program(number, rng)
    archive.experiments.add_program(key, made, f"s{number % 40}")
    failed = rng.random() < 0.12
    worse = abs(rng.gauss(0, 0.12)) if rng.random() > 12 / (number + 60) else -abs(rng.gauss(0.03, 0.02))
    score = None if failed else best * (1 + worse)
    better = score is not None and score < 0.999 * best
    archive.trials.add(
        _trial(
            key, made.id, score, f"Traceback (most recent call last):\n  {HOSTILE}\nZeroDivisionError" if failed else ""
        ),
        "1",
    )
    kind = VerdictKind.UNUSABLE if failed else VerdictKind.IMPROVED if better else VerdictKind.NOT_IMPROVED
    if kind is VerdictKind.NOT_IMPROVED and rng.random() < 0.1:
        kind = VerdictKind.INDECISIVE
    standing = Standing.UNUSABLE if failed else Standing.CONFIRMED if better else Standing.PROMISING
    delta = None if score is None else best - score
    lesson = number % 37 == 3 and delta is not None
    archive.experiments.conclude(
        Conclusion(
            experiment=key,
            verdict=Verdict(
                kind=kind,
                delta=delta,
                interval=None if delta is None else (delta - 0.01, delta + 0.01),
                seeds=() if failed else (0, 1, 2),
                reference=champion,
                reason=f"ZeroDivisionError {words}" if failed else "",
            ),
            standing=standing,
            score=score,
            interval=None if score is None else (score - 0.012, score + 0.012),
            champion=better,
            lessons=(
                Lesson(
                    id=f"{name}-l{number}",
                    task="function-fitting",
                    campaign=name,
                    claim=f"a smaller RATE: rmse {'better' if (delta or 0) > 0 else 'worse'} by {abs(delta or 0):.3g} (3 of 3 seeds) {words}",
                    component="score()",
                    operator=Operator.TUNE,
                    effect=delta or 0.0,
                    interval=((delta or 0) - 0.01, (delta or 0) + 0.01),
                    evidence=(key,),
                    confidence=0.8,
                    status=LessonStatus.SUPPORTED if number % 2 else LessonStatus.TENTATIVE,
                ),
            )
            if lesson
            else (),
        )
    )
    if number % 3 == 0:
        archive.calls.add(
            Call(
                id=f"{key}-c",
                campaign=name,
                experiment=key,
                role="researcher",
                purpose="propose",
                ordinal=0,
                model="openai:gpt-5-mini",
                prompt="p",
                messages=(Message(role="user", text=f"What next? {HOSTILE}"),),
                reply='{"plan": "a smaller rate"}',
                status=CallStatus.OK,
                tokens_in=1200,
                tokens_out=150,
                usd=0.0009,
                seconds=2.1,
            )
        )
    if not failed:
        pool.append(key)
    if better and score is not None:
        return key, score
    return champion, best
