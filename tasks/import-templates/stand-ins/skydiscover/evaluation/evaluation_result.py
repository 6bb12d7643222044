"""The result that an evaluator may return in the place of a plain dict of metrics."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class EvaluationResult:
    """Metrics by name, and texts about the run."""

    metrics: dict
    artifacts: dict = field(default_factory=dict)

    @classmethod
    def from_dict(cls, metrics: dict) -> EvaluationResult:
        """A result without artifacts."""
        return cls(metrics=metrics)

    def to_dict(self) -> dict:
        """The metrics alone."""
        return self.metrics

    def has_artifacts(self) -> bool:
        """Whether it says more than numbers."""
        return bool(self.artifacts)
