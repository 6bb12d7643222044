"""What chooses the constants of programs, one class each; `evolver.registry` has their names."""
