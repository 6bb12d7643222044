"""Evolver runs campaigns of machine-learning and algorithm experiments: proposed, run, judged and remembered.

The top-level folders of the repository are subpackages: `evolver.agents`, `evolver.graph`, `evolver.sandbox`,
`evolver.memory`, `evolver.tasks`, `evolver.prompts` and `evolver.cli`. Importing `evolver` alone loads none of them.
"""

__version__ = "0.1.0"
