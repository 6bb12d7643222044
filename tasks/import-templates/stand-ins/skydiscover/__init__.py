"""Stands in for SkyDiscover where it is not installed: what its evaluators import, and nothing else of it."""

from skydiscover.evaluation.evaluation_result import EvaluationResult

__all__ = ["EvaluationResult"]
