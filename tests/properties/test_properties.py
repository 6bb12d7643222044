"""What holds for whatever is written: metrics, programs, edits, replies, archive rows and directives."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromadb.errors import InternalError
from hypothesis import assume, given
from hypothesis import strategies as st

from evolver.contracts import (
    Budget,
    Call,
    CallStatus,
    Campaign,
    Directive,
    Message,
    Metric,
    Operator,
    Program,
    Proposal,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.errors import UnknownName, UsageError
from evolver.llm import AnswerError, read, read_program
from evolver.llm.answer_text import answer_text, split_reply
from evolver.memory import Archive
from evolver.memory.experiments import Conclusion
from evolver.steering.grammar import read as read_directive
from evolver.system_errors import of_system
from evolver.text_files import lines_of, whole_text
from tests.llm.conftest import Idea

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=80)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85"), max_size=30)


@given(FINITE, FINITE, st.sampled_from(["maximize", "minimize"]), st.floats(0, 1e308))
def test_a_score_never_beats_itself_and_one_of_two_at_most_is_better(a: float, b: float, way: str, size: float) -> None:
    metric = Metric.model_validate({"name": "m", "direction": way, "resolution": size})
    assert not metric.better(a, a)
    assert not (metric.better(a, b) and metric.better(b, a))
    assert metric.accepts(a) and not metric.accepts(math.nan) and not metric.accepts(math.inf)


@given(st.dictionaries(st.sampled_from(["a.py", "b/c.py", "d.txt"]), st.text(max_size=200), min_size=1))
def test_a_program_is_what_was_written_or_refused(files: dict[str, str]) -> None:
    try:
        program = Program(files=files)
    except ValueError as error:
        assert "surrogate" in str(error) and any(whole_text(text) != text for text in files.values())
    else:
        assert program.files == dict(sorted(files.items()))
        assert program.id == Program(files=program.files).id


@given(st.lists(LINE, min_size=1, max_size=12, unique_by=str.strip), st.data())
def test_an_edit_changes_its_lines_and_no_others(lines: list[str], data: st.DataObject) -> None:
    marks = ("<<<<", ">>>>", "====", "```", "~~~")
    lines = [f"x{number} = {line!r}" for number, line in enumerate(lines)]
    new = data.draw(st.lists(LINE, max_size=4))
    assume(not any(mark in line for mark in marks for line in [*lines, *new]))
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    block = ["<<<<<<< SEARCH", *lines[start:end], "=======", *new, ">>>>>>> REPLACE"]
    text = "\n".join(lines) + data.draw(st.sampled_from(["", "\n"]))
    base = Program(files={"notes.txt": text})
    wanted = "\n".join([*lines[:start], *new, *lines[end:]])
    assume(wanted.strip() and wanted != "\n".join(lines))
    changed = read_program("notes.txt\n" + "\n".join(block) + "\n", base).files["notes.txt"]
    assert lines_of(changed) == lines_of(wanted) or changed.rstrip("\n") == wanted.rstrip("\n")


@given(st.text(max_size=400))
def test_no_reply_brings_a_reader_down(text: str) -> None:
    answer = answer_text(text)
    assert answer_text(answer) == answer
    assert len(split_reply(text).answer) <= len(text)
    for reader in (lambda said: read(said, Idea), lambda said: read_program(said, Program(files={"a.py": "x = 1\n"}))):
        try:
            reader(whole_text(text))
        except AnswerError as error:
            assert str(error)


@given(st.one_of(st.text(max_size=200), st.from_regex(r"(pin|approve|reject|compare|use|budget|focus on) .{0,40}")))
def test_no_message_brings_the_grammar_down(text: str) -> None:
    assert read_directive(text).reads


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "-1", "1e999", "٣"])
@pytest.mark.parametrize(
    "words", ["pin experiment {}", "approve {}", "{} more experiments", "use {} workers", "verify {}", "$ {} more"]
)
def test_numbers_that_cannot_be(words: str, number: str) -> None:
    assert read_directive(words.format(number)).reads


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive.open(Path(tmp_path_factory.mktemp("archive")) / "archive.sqlite") as opened:
        yield opened


def _campaign(archive: Archive) -> str:
    name = f"c{uuid.uuid4().hex[:12]}"
    metric = Metric(name="m", direction="maximize")
    details = {"task": "t", "task_version": "v", "metric": metric, "stage": "full", "workers": 1, "sandbox": "none"}
    archive.campaigns.add(Campaign.model_validate({"name": name, "budget": Budget(experiments=9), **details}))
    return name


@given(plan=TEXT, text=TEXT, score=FINITE, low=FINITE, reason=TEXT, metric=st.dictionaries(TEXT, FINITE, max_size=4))
def test_rows_of_experiments_come_back_as_they_were(
    archive: Archive, plan: str, text: str, score: float, low: float, reason: str, metric: dict[str, float]
) -> None:
    leased = archive.leases.acquire(_campaign(archive), 0, 0)
    assert leased is not None
    proposal = Proposal(hypothesis=text, plan=plan, operator=Operator.EDIT, recipe={"a": plan, "b": score})
    program = Program(files={"program.py": text})
    archive.experiments.add_proposal(leased.id, proposal)
    archive.experiments.add_program(leased.id, program, "skeleton")
    trial = Trial(
        experiment=leased.id,
        program=program.id,
        stage="full",
        seed=3,
        status=TrialStatus.OK if metric else TrialStatus.FAILED,
        metrics=metric,
        reason=reason,
        log_tail=text,
    )
    archive.trials.add(trial, "v")
    verdict = Verdict(kind=VerdictKind.NOT_IMPROVED, reason=reason, delta=score, interval=(low, score))
    archive.experiments.conclude(
        Conclusion(
            experiment=leased.id, verdict=verdict, standing=Standing.PROMISING, score=score, interval=(low, score)
        )
    )
    kept = archive.experiments.get(leased.id)
    assert (kept.proposal, kept.verdict, kept.score, kept.interval) == (proposal, verdict, score, (low, score))
    assert archive.programs.get(program.id).id == program.id
    (found,) = archive.trials.list(leased.id)
    assert (found.metrics, found.reason, found.log_tail) == (metric, reason, text)


@given(said=TEXT, reply=TEXT, who=TEXT, tokens=st.integers(0, 2**62))
def test_rows_of_calls_and_directives_come_back_as_they_were(
    archive: Archive, said: str, reply: str, who: str, tokens: int
) -> None:
    name, key = _campaign(archive), uuid.uuid4().hex
    call = Call(
        id=key,
        campaign=name,
        experiment="",
        role="chat",
        purpose=said,
        ordinal=0,
        model="openai:m",
        prompt="p",
        messages=(Message(role="user", text=said),),
        reply=reply,
        status=CallStatus.OK,
        tokens_in=tokens,
    )
    archive.calls.add(call)
    assert archive.calls.list(name) == [call] or list(archive.calls.list(name)) == [call]
    directive = Directive(id=key, campaign=name, kind="focus", text=said, who=who or "w", arguments={"topic": reply})
    archive.directives.add(directive)
    (kept,) = archive.directives.list(name)
    assert (kept.text, kept.arguments) == (said, {"topic": reply})


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
def test_numbers_beyond_the_columns_name_nothing(archive: Archive, number: int) -> None:
    with pytest.raises(UnknownName):
        archive.experiments.by_number(_campaign(archive), number)


def test_errors_of_values_are_none_of_the_system() -> None:
    for error in (ValueError("x"), KeyError("x"), OverflowError("x"), UsageError("x"), OSError("no number")):
        assert of_system(error) is None
    assert of_system(FileNotFoundError(2, "No such file", "/x")) == "/x: No such file"
    compaction = InternalError("Error in compaction: Failed to apply logs to the metadata segment")  # on a full disk
    assert (of_system(compaction) or "").startswith("the search index: Error in compaction")
