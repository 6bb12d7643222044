"""What evaluators say beside their metrics: kept within bounds, whatever they say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evolver.contracts import Feedback, Trial, TrialStatus
from evolver.contracts.feedback import LONGEST_ALL, LONGEST_TEXT, MOST_COLUMNS, MOST_ENTRIES, MOST_ROWS


def test_texts_and_tables_are_told_apart() -> None:
    said = Feedback.of(
        {
            "why": "too slow",
            "per case": [{"case": "a", "score": 0.25}, {"case": "b", "wall": 2}],
            "totals": {"ok": 3, "bad": None},
            "grid": {"columns": ["x", "y"], "rows": [[1, 2], [3]]},
            "nested": {"a": {"b": [1, 2]}},
            "nothing": None,
        }
    )
    assert said.texts == {"why": "too slow", "nested": '{"a": {"b": [1, 2]}}'}
    assert said.tables["per case"].columns == ("case", "score", "wall")
    assert said.tables["per case"].rows == (("a", 0.25, None), ("b", None, 2))
    assert said.tables["totals"].rows == (("ok", 3), ("bad", None))
    assert said.tables["grid"].rows == ((1, 2), (3, None))
    assert "a | 0.25 | \n" in str(said)


@pytest.mark.parametrize(
    "said",
    [
        {"long": "x" * 10**6},
        {f"name {place}": "y" * 3000 for place in range(500)},
        {"rows": [{f"column {c}": "z" * 5000 for c in range(50)} for _ in range(500)]},
        {"n" * 1000: "w"},
        ["not", "named"],
        "only a text",
        {"deep": [[[[{}]]]]},
    ],
)
def test_no_feedback_grows_beyond_its_bounds(said: Any) -> None:
    kept = Feedback.of(said)
    assert kept
    assert len(kept.texts) + len(kept.tables) <= MOST_ENTRIES
    assert all(len(text) < LONGEST_TEXT + 100 for text in kept.texts.values())
    assert all(len(t.rows) <= MOST_ROWS and len(t.columns) <= MOST_COLUMNS for t in kept.tables.values())
    assert len(str(kept)) < LONGEST_ALL + 4000
    assert Feedback.model_validate_json(kept.model_dump_json()) == kept


def test_both_ends_of_a_long_text_are_kept() -> None:
    text = Feedback.of({"log": "BEGIN" + "x" * 10**5 + "END"}).texts["log"]
    assert text.startswith("BEGIN")
    assert text.endswith("END")
    assert "characters cut" in text


def test_trials_without_feedback_are_kept_as_they_were() -> None:
    trial = Trial(experiment="e", program="p", stage="full", seed=0, status=TrialStatus.OK, metrics={"loss": 0.0})
    assert not {"feedback", "gate"} & trial.model_dump(mode="json").keys()
    assert Trial.model_validate(trial.model_dump(mode="json")) == trial
    assert trial.zero_with_error("loss") == ""
    told = trial.model_copy(update={"feedback": Feedback.of({"stderr": "Traceback\nValueError: no layout"})})
    assert told.zero_with_error("loss") == "it scored 0, and the evaluator reports an error: ValueError: no layout"
    assert told.zero_with_error("other") == ""
    assert Trial.model_validate(json.loads(told.model_dump_json())) == told
