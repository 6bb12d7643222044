"""Measuring programs: a trial, the race and its statistics, fresh replicates, verification, ablation, task checks."""
