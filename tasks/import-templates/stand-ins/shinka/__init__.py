"""Stands in for ShinkaEvolve where it is not installed: what its evaluators import, and nothing else of it."""

from shinka.core.wrap_eval import run_shinka_eval, save_json_results

__all__ = ["run_shinka_eval", "save_json_results"]
