"""How far can a campaign's evidence be trusted, and what does it find? Whole campaigns on landscapes of known truth.

    python benchmarks/campaign_lab.py --landscape gainless|few-gains|small-gains|multiplied
        --noise equal|unequal|quiet|still|t2|lognormal|accuracy20|growing|coupled|three-valued
        --rho 0 --experiments 100 --campaigns 40 --json

Graph, runner, critic and archive are the product's own; a trial is a draw from the landscape (`landscapes.py`) instead
of a run in a sandbox, and proposals are drawn from it too, on parents that the product's rule chooses. Printed, over
all campaigns:

    false_champions    share that end with a champion that is not better than the baseline
    false_acceptances  share of all champions ever crowned that were not better than the one before
    found              mean number of the landscape's gains in the last champion
    gain               its mean true gain over the baseline, in standard deviations of one score (sigma)
    over_claim         by how much the score that is shown of it exceeds its true one, in sigma
    coverage           share in which the interval shown holds the true score
    trials             mean number of trials of a campaign, the baseline's and the re-test's among them
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from drawn_campaigns import quick_folder, run_to_the_end, write_task  # type: ignore[import-not-found]
from landscapes import KINDS, NOISES, Landscape, genome_of, text_of  # type: ignore[import-not-found]

from evolver.agents.offline.critic import OfflineCritic
from evolver.agents.roles import Team
from evolver.contracts import Campaign, Event, Operator, Program, Proposal, Trial, TrialStatus
from evolver.contracts.champion_events import ChampionCrowned, ChampionDethroned
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner
from evolver.graph.resolved_run import open_archive
from evolver.graph.summary import summarise
from evolver.memory import Archive
from evolver.registry import PARENTS
from evolver.tasks import Task

NAME = "lab"
TASK = """\
name: landscape
summary: Find what helps in a landscape of known truth.
metric: {{name: score, direction: maximize, range: {range}}}
program: {{files: [program.py], entry: ["program.py:changes"], interface: "changes() names what was changed."}}
stages: [{{name: full, seconds: 60, replicates: {replicates}}}]
"""


class Outcome(NamedTuple):
    """What became of one campaign."""

    is_false: bool
    crowned: int
    falsely: int
    found: int
    gain: float
    over_claim: float
    covers: bool
    trials: int
    cpu_seconds: float


class Draws:
    """Stands in for a trial: one draw from the landscape."""

    def __init__(self, landscape: Landscape) -> None:
        self._landscape = landscape
        self._attempts = Counter[tuple[str, int]]()

    async def __call__(
        self, _sandbox: object, task: Task, program: Program, stage: str, seed: int, _folder: Path, **given: Any
    ) -> Trial:
        """The trial of a program at a stage with a seed."""
        genome = genome_of(program.files["program.py"])
        self._attempts[program.id, seed] += 1
        failed = self._landscape.fails(genome, seed, self._attempts[program.id, seed])
        return Trial(
            experiment=given["experiment"],
            program=program.id,
            stage=stage,
            seed=seed,
            status=TrialStatus.FAILED if failed else TrialStatus.OK,
            metrics={} if failed else {task.metric.name: self._landscape.score(genome, seed)},
            reason="flaky" if failed else "",
        )


class Proposer:
    """Researcher and coder: a change drawn from the landscape, on a parent that the product's rule chooses."""

    def __init__(self, resources: CampaignResources, landscape: Landscape) -> None:
        self._resources, self._landscape = resources, landscape

    async def propose(self, experiment_id: str) -> Proposal:
        """The proposal for a leased experiment."""
        resources, archive = self._resources, self._resources.archive
        experiment = archive.experiments.get(experiment_id)
        rng = self._landscape._rng("parent", experiment.number)
        campaign = resources.campaign
        parent = PARENTS.load(campaign.parents)().choose(
            archive.experiments.pool(campaign.name), rng, resources.task.metric, experiment.number
        )
        genome = self._landscape.change(genome_of(resources.program(parent).files["program.py"]), experiment.number)
        proposal = Proposal(
            hypothesis=f"change {genome[-1]} helps",
            plan=f"apply change {genome[-1]}",
            operator=Operator.EDIT,
            parents=(parent.id,),
            component=f"change {genome[-1]}",
            recipe={"changes": list(genome)},
        )
        archive.experiments.add_proposal(experiment_id, proposal)
        return proposal

    async def code(self, experiment_id: str) -> Program:
        """The program that the proposal asks for."""
        proposal = self._resources.archive.experiments.get(experiment_id).proposal
        assert proposal is not None
        program = Program(files={"program.py": text_of(cast("list[int]", proposal.recipe["changes"]))})
        self._resources.archive.experiments.add_program(experiment_id, program, program.id)
        return program


def run_campaign(landscape: Landscape, experiments: int, workers: int, replicates: int) -> Outcome:
    """One campaign to its end, and what is true of its champion."""
    began = time.process_time()
    bounds = {"accuracy20": "[0, 1]", "three-valued": "[0, 2]"}.get(landscape.noise, "[null, null]")

    def team(resources: CampaignResources) -> Team:
        proposer, runner = Proposer(resources, landscape), Runner(resources, Draws(landscape))
        return Team(researcher=proposer, coder=proposer, runner=runner, critic=OfflineCritic(resources))

    with quick_folder() as folder:
        task = write_task(
            Path(folder, "landscape"), TASK.format(range=bounds, replicates=replicates), baseline=text_of(())
        )
        context = run_to_the_end(
            team,
            task=str(task),
            campaign=NAME,
            experiments=experiments,
            workers=workers,
            seed=landscape.seed,
            home=Path(folder, "home"),
        )
        with open_archive(context.home) as archive:
            return outcome_of(archive, landscape, time.process_time() - began)


def outcome_of(archive: Archive, landscape: Landscape, cpu_seconds: float) -> Outcome:
    """What the archive says, beside the truth."""
    campaign, summary = archive.campaigns.get(NAME), summarise(archive, NAME)
    assert campaign.champion is not None and summary.best is not None
    baseline = landscape.truth(())
    crowned, falsely, reigning = _crowned(archive, campaign, landscape)
    champion = _genome(archive, campaign.champion)
    true = landscape.truth(champion)
    assert champion == reigning
    low, high = summary.best.interval
    return Outcome(
        is_false=bool(champion) and true <= baseline,
        crowned=crowned,
        falsely=falsely,
        found=landscape.found(champion),
        gain=(true - baseline) / landscape.sigma,
        over_claim=(summary.best.mean - true) / landscape.sigma,
        covers=low <= true <= high,
        trials=sum(summary.trials.values()),
        cpu_seconds=cpu_seconds,
    )


def _crowned(archive: Archive, campaign: Campaign, landscape: Landscape) -> tuple[int, int, Any]:
    """How many champions were crowned after the baseline, how many of them falsely, and who reigns in the end."""
    crowned, falsely, reigning = 0, 0, ()
    crowns: list[Event[Any]] = [
        *archive.events.list(campaign.name, kind=ChampionCrowned),
        *archive.events.list(campaign.name, kind=ChampionDethroned),
    ]
    for event in sorted(crowns, key=lambda event: event.id):
        if isinstance(event.data, ChampionDethroned):
            reigning = _genome(archive, archive.experiments.by_number(campaign.name, event.data.successor).id)
        elif genome := _genome(archive, str(event.experiment)):
            crowned += 1
            falsely += landscape.truth(genome) <= landscape.truth(reigning)
            reigning = genome
    return crowned, falsely, reigning


def _genome(archive: Archive, experiment: str) -> Any:
    program = archive.experiments.get(experiment).program
    assert program is not None
    return genome_of(archive.programs.get(program).files["program.py"])


def report(outcomes: list[Outcome]) -> dict[str, float]:
    """All campaigns of a cell in one object."""
    count, crowned = len(outcomes), sum(outcome.crowned for outcome in outcomes)

    def mean(name: str) -> float:
        return round(sum(float(getattr(outcome, name)) for outcome in outcomes) / count, 4)

    return {
        "false_champions": mean("is_false"),
        "false_acceptances": round(sum(outcome.falsely for outcome in outcomes) / max(crowned, 1), 4),
        "found": mean("found"),
        "gain": mean("gain"),
        "over_claim": mean("over_claim"),
        "coverage": mean("covers"),
        "trials": mean("trials"),
        "acceptances": round(crowned / count, 4),
        "cpu_seconds": mean("cpu_seconds"),
        "campaigns": count,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", choices=KINDS, default="gainless")
    parser.add_argument("--noise", choices=NOISES, default="equal")
    parser.add_argument("--rho", type=float, default=0.0, help="share of the variance that replicates have in common")
    parser.add_argument("--flaky", type=float, default=0.0, help="chance that a run of a candidate fails")
    parser.add_argument("--experiments", type=int, default=100)
    parser.add_argument("--campaigns", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--replicates", type=int, default=8, help="of the task's deciding stage")
    parser.add_argument("--seed", type=int, default=0, help="of the first campaign; the others follow it")
    parser.add_argument("--json", action="store_true", help="print one object and nothing else")
    given = parser.parse_args()
    if not 0.0 <= given.rho < 1.0 or not 0.0 <= given.flaky < 1.0:
        parser.error("--rho and --flaky are shares: at least 0, below 1")
    landscape = Landscape(kind=given.landscape, noise=given.noise, rho=given.rho, flaky=given.flaky)
    outcomes = []
    for number in range(given.campaigns):
        drawn = replace(landscape, seed=given.seed + number)
        outcomes.append(run_campaign(drawn, given.experiments, given.workers, given.replicates))
        if not given.json:
            print(f"\r{number + 1} of {given.campaigns} campaigns", end="", file=sys.stderr, flush=True)
    found = report(outcomes)
    if given.json:
        print(json.dumps(found))
    else:
        print(file=sys.stderr)
        for name, value in found.items():
            print(f"{name:20}{value:g}")


if __name__ == "__main__":
    main()
