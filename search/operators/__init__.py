"""The search operators, one module each; `evolver.registry` has their names, `base` what each of them is."""
