"""Program search without a model: seeded operators from programs to programs that know nothing of any task.

A recipe is a JSON object that fully determines a change: the same parents and the same recipe give the same program.
`Library` reads techniques from notes, `Operators` draws and applies recipes, `OperatorBandit` (in `bandit`) shares
the budget among operators.
"""

from evolver.agents.offline.blocks import Blocks
from evolver.agents.offline.fragments import Library, Technique
from evolver.agents.offline.operators import Operators
from evolver.agents.offline.recipes import Recipe
from evolver.agents.offline.sampling import Outcome, Tuner
from evolver.agents.offline.skeleton import skeleton
from evolver.agents.offline.source import CannotApply

__all__ = ["Blocks", "CannotApply", "Library", "Operators", "Outcome", "Recipe", "Technique", "Tuner", "skeleton"]
