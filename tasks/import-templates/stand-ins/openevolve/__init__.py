"""Stands in for OpenEvolve where it is not installed: what its evaluators import, and nothing else of it."""

from openevolve.evaluation_result import EvaluationResult

__all__ = ["EvaluationResult"]
