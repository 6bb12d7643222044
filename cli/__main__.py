"""`python -m evolver.cli` is `evolver`."""

from evolver.cli import main

main()
