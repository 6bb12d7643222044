"""The hybrid team: models for ideas, offline operators for search and constants, and a bandit that shares them out."""
