"""The part of skydiscover.evaluation that evaluators use."""
