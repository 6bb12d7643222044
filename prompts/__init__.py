"""Prompt templates of the language-model team; the offline team needs none."""
