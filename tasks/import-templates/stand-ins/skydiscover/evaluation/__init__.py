"""The part of skydiscover.evaluation that evaluators use."""

from skydiscover.evaluation.evaluation_result import EvaluationResult

__all__ = ["EvaluationResult"]
