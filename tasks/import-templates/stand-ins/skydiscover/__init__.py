"""Stands in for SkyDiscover where it is not installed: what its evaluators import, and nothing else of it."""
