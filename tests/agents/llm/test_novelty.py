"""Near-identical ideas and identical programs are recognised, and different ones are not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from evolver.contracts import Operator, Program, Proposal
from evolver.memory.embeddings import MiniLm
from evolver.search.novelty import SAME_IDEA, Ideas, Programs
from tests.agents.llm.conftest import NAME

IDEAS = (
    (
        "Starting from a hexagonal lattice instead of a square grid packs circles tighter. Replace the grid of starting centres by a hexagonal lattice scaled to the unit square.",
        "A hex lattice start gives a denser packing than the square grid. Initialise the centres on a hexagonal lattice that fits the unit square.",
        "Circles pack more densely when the initial layout is hexagonal. Change the initial centres from a square grid to hexagonal rows.",
    ),
    (
        "Solving a linear programme for the radii, given the centres, gives the largest sum of radii. Compute the radii with scipy linprog after the centres are placed.",
        "For fixed centres the best radii follow from an LP. Use linprog to maximise the sum of radii under the pairwise distance constraints.",
    ),
    (
        "Polishing centres and radii together with SLSQP improves the sum of radii. Run scipy.optimize.minimize with method SLSQP from the current layout under overlap constraints.",
        "A joint SLSQP refinement of all positions and radii raises the score. After initialisation optimise centres and radii with SLSQP and non-overlap constraints.",
    ),
    (
        "Trying many random starts and keeping the best finds better packings. Repeat the construction from 50 random perturbations and return the best one.",
        "Multi-start search escapes poor local optima. Run the optimiser from many randomly perturbed layouts, keep the best result.",
    ),
    (
        "Simulated annealing over the centres escapes local optima. Move one circle at a time and accept worse layouts with a falling temperature.",
        "Annealing the positions helps to leave bad layouts. Perturb a single circle, accept by the Metropolis rule with decreasing temperature.",
    ),
    (
        "Using all time that is left improves the packing. Loop the local search until time_left() is below one second.",
        "The search ends too early; spend the whole time limit. Keep iterating local search while time_left() allows.",
    ),
    (
        "A smaller learning rate with warm-up stabilises training. Set the learning rate to 3e-4 and warm up linearly over 200 steps.",
        "Training is unstable at the start because the rate is too high. Add 200 steps of linear warm-up and lower the rate to 3e-4.",
    ),
    (
        "Replacing LayerNorm by RMSNorm speeds up training without hurting the loss. Use RMSNorm in every block.",
        "RMSNorm is cheaper than LayerNorm and as good. Swap all LayerNorm layers for RMSNorm.",
    ),
    (
        "Cosine decay of the learning rate to zero lowers the final loss. Use a cosine schedule over all steps.",
        "Decaying the rate along a cosine to 0 gives a better final loss. Replace the constant schedule by cosine annealing.",
    ),
    (
        "Gating the attention output with a sigmoid helps. Multiply the attention output by a learned sigmoid gate per head.",
        "A learned per-head sigmoid gate on what attention returns improves the loss. Add it after the attention.",
    ),
    (
        "Moving the point east lowers the squared distance. Increase X from 1.0 to 2.0.",
        "The hidden point lies further to the east. Raise the constant X to 2.0.",
    ),
    (
        "Moving the point north lowers the squared distance. Increase Y from 1.0 to 2.0.",
        "The target is further north. Raise Y to 2.0.",
    ),
    (
        "Fitting with a kernel ridge regression instead of a polynomial lowers the error. Use an RBF kernel with a tuned width.",
        "An RBF kernel ridge model generalises better than the polynomial. Replace the polynomial by kernel ridge regression and tune the bandwidth.",
    ),
    (
        "Choosing the regularisation strength by cross-validation lowers the test error. Select alpha by 5-fold cross-validation.",
        "The ridge penalty should be tuned on held-out folds. Pick alpha with five-fold CV.",
    ),
    (
        "Adding Fourier features of the inputs lets the linear model fit periodic structure. Append sine and cosine features at 8 frequencies.",
        "Periodic structure is missed by raw inputs. Extend the inputs by sin and cos of 8 frequencies.",
    ),
)


def test_the_threshold_separates_paraphrases_from_other_ideas() -> None:
    """The figures that `SAME_IDEA` stands on."""
    texts = [(number, text) for number, group in enumerate(IDEAS) for text in group]
    vectors = np.stack(MiniLm()([text for _, text in texts]))
    same: list[float] = []
    different: list[float] = []
    for (i, (mine, _)), (j, (theirs, _)) in combinations(enumerate(texts), 2):
        (same if mine == theirs else different).append(float(vectors[i] @ vectors[j]))
    caught = sum(similarity >= SAME_IDEA for similarity in same)
    mistaken = sum(similarity >= SAME_IDEA for similarity in different)
    assert (len(texts), len(same), len(different)) == (31, 17, 448)
    assert caught >= 12 and mistaken <= 1


@pytest.fixture
async def ideas(opened: Callable[..., Any]) -> Callable[[str, str], Any]:
    resources = await opened()
    archive, store = resources.archive, Ideas(resources)
    places = iter(range(100))

    def nearest(earlier: str, later: str) -> Any:
        first, second = (archive.leases.acquire(NAME, next(places), 0) for _ in range(2))
        archive.experiments.add_proposal(first.id, Proposal(hypothesis=earlier, plan="", operator=Operator.EDIT))
        store.add(first, earlier)
        return store.nearest(later, second)

    return nearest


async def test_another_value_is_another_idea(ideas: Callable[[str, str], Any]) -> None:
    assert ideas(
        "A longer warm-up of the learning rate stabilises training. Warm up over 200 steps.",
        "Training is more stable with a longer learning-rate warm-up of 200 steps.",
    )
    assert ideas("Use a dropout of 0.1 in each block.", "Use a dropout of 0.3 in each block.") is None


async def test_programs_that_others_coded_meanwhile_are_known(opened: Callable[..., Any]) -> None:
    resources = await opened()
    archive, programs = resources.archive, Programs(resources)
    first, second, third = (archive.leases.acquire(NAME, lane, 0) for lane in range(3))
    mine = Program(files={"program.py": "def point():\n    return [1.0, 2.0]\n"})
    assert programs.claim(resources.task.baseline(), first) == f"{NAME}-baseline"
    assert programs.claim(Program(files={"program.py": "x = 1\n"}), first) is None
    archive.experiments.add_program(second.id, mine, "s")
    assert programs.claim(mine, third) == second.id
    assert programs.claim(mine, second) is None
