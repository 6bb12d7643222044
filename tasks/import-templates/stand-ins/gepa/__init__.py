"""Stands in for GEPA where it is not installed: what its evaluators import, and nothing else of it."""

from gepa import optimize_anything

__all__ = ["optimize_anything"]
