"""Program search without a model: seeded operators from programs to programs that know nothing of any task.

A recipe is a JSON object that fully determines a change: the same parents and the same recipe give the same program.
`TechniqueLibrary` reads techniques from notes, `Operators` draws and applies recipes, `OperatorBandit` shares the
budget among operators.
"""

from evolver.search.evolve_blocks import EvolveBlocks
from evolver.search.fingerprint import skeleton
from evolver.search.operator_set import Operators
from evolver.search.recipes import Recipe
from evolver.search.techniques import Technique, TechniqueLibrary
from evolver.search.tuners.tuner import ScoredProgram, Tuner

__all__ = [
    "EvolveBlocks",
    "Operators",
    "Recipe",
    "ScoredProgram",
    "Technique",
    "TechniqueLibrary",
    "Tuner",
    "skeleton",
]
