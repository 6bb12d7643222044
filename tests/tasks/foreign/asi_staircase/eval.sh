#!/bin/bash
# Called in steps/step_N, where the candidate is `code` and results.json is awaited.
set -e
HERE="$(pwd)"
EXPERIMENT="$(dirname "$(dirname "$HERE")")"
python3 "$EXPERIMENT/evaluator.py" "$HERE/code" "$HERE/results.json" > "$HERE/eval.log" 2>&1
