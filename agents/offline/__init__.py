"""The offline team: searches programs without a model; its critic writes lessons from measured effects."""
