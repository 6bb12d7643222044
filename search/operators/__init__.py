"""The search operators, one module each; `evolver.registry` has their names, `search_operator` what each of them is."""
