"""Records out of text, whatever stands around them; nothing is guessed where it could be two things."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import RootModel

from evolver.contracts import Record
from evolver.llm import AnswerError, read
from tests.llm.conftest import IDEA, Idea


class Deep(Record):
    name: str
    tags: tuple[str, ...] = ()
    sizes: dict[str, float] = {}


class Full(Deep):
    tags: tuple[str, ...]
    sizes: dict[str, float]


class Many(Record):
    ideas: tuple[Idea, ...]


class Tags(RootModel[list[str]]):
    pass


JSON = json.dumps(IDEA)


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"\n\n{JSON}\n",
        f"```json\n{JSON}\n```",
        f"```\n{JSON}\n```",
        f"~~~json\n{JSON}\n~~~",
        f"Sure!\n\n```json\n{JSON}\n```\nThis should help because {{reasons}}.",
        f"<json>{JSON}</json>",
        f"<answer>\n```json\n{JSON}\n```\n</answer>",
        f"I would say {JSON} is best.",
        f"<think>perhaps {{'plan': 1}} or {json.dumps({**IDEA, 'plan': 'other'})}</think>{JSON}",
        JSON[:-1] + ",}",
        JSON.replace(", ", ",, "),
        JSON.replace(", ", " "),
        JSON.replace('"', "'"),
        f"[{JSON}]",
        f"[{JSON},]",
        json.dumps({"idea": IDEA}),
        json.dumps(IDEA, indent=4),
        f"Example: ```python\nx = {{}}\n```\nAnswer:\n```json\n{JSON}\n```",
        f"{JSON}\n{JSON}",
        "The set {1, 2} is small. " + JSON,
        JSON.replace("smaller steps help", "smaller\nsteps help"),
    ],
)
def test_a_record_is_found(text: str) -> None:
    found = read(text, Idea)
    assert found.plan == "halve the step" and found.hypothesis.split() == ["smaller", "steps", "help"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("I have no idea.", "no JSON object"),
        ('{"hypothesis": "h", "plan": ', "ends before it is complete"),
        ('{"hypothesis": "h", "plan": "p', "ends before it is complete"),
        ('{"hypothesis": "h"}', "`plan`: Field required"),
        (json.dumps({**IDEA, "more": 1}), "`more`: Extra inputs"),
        ('{"hypothesis": "h", "plan": "he said "p" twice"}', r"line 1, column \d+, near"),
        ('{"hypothesis": "h", "plan": p}', r"line 1, column \d+, near"),
        ('{"hypothesis": "h", "plan": "p",', "ends before it is complete"),
        ('{"hypothesis": "h", "plan": "p", "plan": "q",}', r"line 1, column \d+, near"),
        ('{"hypothesis": "h", "plan": NaN,}', "NaN is not JSON"),
        ('{"hypothesis": "h", "plan": NaN}', "NaN is not JSON"),
        ('{"hypothesis": "h", "plan": "p", "plan": "q"}', "'plan' occurs twice"),
        (f"{JSON}\nor\n{json.dumps({**IDEA, 'plan': 'other'})}", "2 different"),
        (f"```json\n{JSON}\n```\n```json\n{json.dumps({**IDEA, 'plan': 'other'})}\n```", "2 different"),
        (f"[{JSON}, {JSON}]", "JSON list"),
        ("[" * 100_000, "nested too deeply|not valid|ends before"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(AnswerError, match=said):
        read(text, Idea)


def test_lists_where_lists_are_wanted() -> None:
    assert len(read(f"[{JSON}, {JSON}]", Many).ideas) == 2
    assert len(read(f"[{JSON}]", Many).ideas) == 1
    assert read('["a", "b"]', Tags).root == ["a", "b"]
    assert read('Tags: ["a"]', Tags).root == ["a"]


def test_a_comma_inside_a_string_stays() -> None:
    assert read('{"name": "a,}", "tags": ["x,]",],}', Deep) == Deep(name="a,}", tags=("x,]",))


CODE = {
    "name": "def f(a):\n    return {\"k\": a['b']}, 'c'  # {\\n\n",
    "tags": ["it's, say", "[x]"],
    "sizes": {"a": 1.5},
}


@pytest.mark.parametrize("slip", ["", ",", '"', "{", " ", "'"])
@pytest.mark.parametrize("kept", [0, 1])
def test_a_slip_is_put_right_or_refused_and_never_changes_a_text(slip: str, kept: int) -> None:
    written = json.dumps(CODE)
    whole = Full.model_validate(CODE)
    for place in range(len(written)):
        slipped = written[:place] + slip + written[place + 1 - kept :]
        try:
            json.loads(slipped)
        except ValueError:
            try:
                found = read(slipped, Full)
            except AnswerError:
                continue
            assert (found.name, found.tags) == (whole.name, whole.tags), slipped


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
RECORDS = st.builds(
    Deep,
    name=TEXTS,
    tags=st.lists(TEXTS, max_size=4).map(tuple),
    sizes=st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False), max_size=4),
)


@given(
    record=RECORDS,
    indent=st.sampled_from([None, 2]),
    shape=st.sampled_from(["{}", "```json\n{}\n```", "<json>{}</json>"]),
)
def test_every_record_comes_back_whole(record: Deep, indent: int | None, shape: str) -> None:
    written = json.dumps(record.model_dump(mode="json"), indent=indent)
    assert read(shape.replace("{}", written), Deep) == record


@given(text=st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        read(text, Deep)
    except AnswerError as error:
        assert str(error)


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda parts: st.lists(parts) | st.dictionaries(TEXTS, parts),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused_in_words(data: Any) -> None:
    try:
        read(json.dumps(data), Idea)
    except AnswerError as error:
        assert str(error)
