"""The search index: what it finds, who owns it, and that it can be made again from the archive."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolver.contracts import Campaign, Experiment, Lesson, LessonStatus, Note
from evolver.errors import MemoryInUse
from evolver.memory import Archive, Hashing, Memory

PARTS = (
    "start",
    "end",
    "slope",
    "warm-up",
    "length",
    "noise",
    "restart",
    "floor",
    "momentum",
    "batch",
    "order",
    "seed",
)
NOTES = [
    Note(
        id="n1",
        source="a.md",
        title="Annealing",
        text="Cool the temperature slowly to escape local optima.",
        task="packing",
    ),
    Note(
        id="n2", source="a.md", title="Corners", text="Put the largest circles into the corners first.", task="packing"
    ),
    Note(id="n3", source="b.md", title="Polynomials", text="Cool basis functions reduce the residual.", task="fitting"),
    Note(id="n4", source="c.md", title="Restarts", text="Restart the search from many random points.", task=""),
]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    opened = Memory.open(tmp_path / "memory")
    yield opened
    opened.close()


def test_notes_are_found_by_meaning_within_their_task(memory: Memory) -> None:
    memory.add_notes(NOTES)
    hits = memory.search_notes("how to get out of a local minimum", "packing", 4)
    assert hits[0].id == "n1"
    assert {hit.id for hit in hits} == {"n1", "n2", "n4"}, "notes of other tasks are not told, those for every task are"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0.0 <= hit.score <= 1.0 for hit in hits)
    assert len(memory.search_notes("anything", "packing", 2)) == 2


def test_the_same_text_scores_one(memory: Memory) -> None:
    memory.add_idea("c-0-0", "c", "halve the step size")
    memory.flush()
    assert memory.search_ideas("halve the step size", "c", 1)[0].score == pytest.approx(1.0, abs=1e-3)


def test_an_empty_index_finds_nothing(memory: Memory) -> None:
    memory.add_notes([])
    memory.add_lessons([])
    assert memory.search_notes("x", "packing", 3) == []
    assert memory.search_lessons("x", "packing", 3) == []
    assert memory.search_ideas("x", "c", 3) == []


def test_lessons_are_renewed_and_bad_ones_are_taken_out(memory: Memory, make_lesson: Callable[..., Lesson]) -> None:
    lesson = make_lesson(claim="smaller steps help late in the search")
    memory.add_lessons([lesson, make_lesson("l2", claim="restarts do nothing", component="restarts")])
    memory.flush()
    assert memory.search_lessons("step size late", "packing", 5)[0].id == "l1"
    memory.add_lessons([make_lesson(claim="larger corner circles help", component="corners")])
    memory.flush()
    assert memory.search_lessons("larger circles in corners", "packing", 1)[0].id == "l1"
    memory.add_lessons(
        [
            lesson.model_copy(update={"status": LessonStatus.RETIRED}),
            make_lesson("l2", status=LessonStatus.CONTRADICTED),
        ]
    )
    memory.flush()
    assert memory.search_lessons("larger circles in corners", "packing", 5) == []


def test_lessons_are_kept_to_their_task_and_campaign(memory: Memory, make_lesson: Callable[..., Lesson]) -> None:
    memory.add_lessons(
        [
            make_lesson("l1"),
            make_lesson("l2", campaign="d"),
            make_lesson("l3", task="fitting", campaign="d"),
        ]
    )
    memory.flush()
    assert {hit.id for hit in memory.search_lessons("steps", "packing", 9)} == {"l1", "l2"}
    assert {hit.id for hit in memory.search_lessons("steps", "packing", 9, "c")} == {"l1"}
    assert {hit.id for hit in memory.search_lessons("steps", "packing", 9, "d")} == {"l2"}


def test_ideas_are_kept_to_their_campaign(memory: Memory) -> None:
    memory.add_idea("c-0-0", "c", "halve the step size")
    memory.add_idea("d-0-0", "d", "halve the step size")
    memory.flush()
    assert [hit.id for hit in memory.search_ideas("step size", "d", 9)] == ["d-0-0"]


def test_adding_an_idea_does_not_wait_and_closing_loses_none(tmp_path: Path) -> None:
    memory = Memory.open(tmp_path / "memory")
    memory.flush()
    began = time.thread_time()
    for number in range(100):
        memory.add_idea(f"c-0-{number}", "c", f"idea number {number}")
    # Embedding a hundred ideas in this thread would take several times as much.
    assert time.thread_time() - began < 0.2
    memory.close()
    memory.close()
    again = Memory.open(tmp_path / "memory")
    assert len(again.search_ideas("idea", "c", 200)) == 100
    again.close()


def test_threads_add_and_search_together(memory: Memory) -> None:
    memory.add_notes(NOTES)
    failures: list[BaseException] = []

    def work(lane: int) -> None:
        try:
            for number in range(15):
                memory.add_idea(f"c-{lane}-{number}", "c", f"lane {lane} tries idea {number}")
                assert memory.search_notes("local minimum", "packing", 1)[0].id == "n1"
                memory.search_ideas(f"idea {number}", "c", 3)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(lane,)) for lane in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures
    memory.flush()
    assert len(memory.search_ideas("idea", "c", 100)) == 60


def test_a_second_owner_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    first = Memory.open(path)
    with pytest.raises(MemoryInUse, match=r"memory.*process"):
        Memory.open(path)
    first.close()
    Memory.open(path).close()


@pytest.mark.slow
def test_another_process_that_owns_the_path_is_respected_and_a_killed_one_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    code = (
        "import sys, time; from pathlib import Path; from evolver.memory import Memory, Hashing\n"
        "memory = Memory.open(Path(sys.argv[1]), Hashing()); print('open', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline().strip() == "open"
        with pytest.raises(MemoryInUse, match="in use by another process"):
            Memory.open(path, Hashing())
    finally:
        owner.kill()
        owner.wait()
    Memory.open(path, Hashing()).close()


def test_an_index_of_another_embedder_is_made_again_with_a_sentence(
    tmp_path: Path, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "memory"
    archive.notes.save(NOTES)
    first = Memory.open(path, Hashing())
    first.catch_up(archive)
    first.close()
    caplog.clear()
    renewed = Memory.open(path)
    assert "another embedder" in caplog.text
    assert "made again from the archive" in caplog.text
    renewed.catch_up(archive)
    assert renewed.search_notes("get out of a local minimum", "packing", 1)[0].id == "n1"
    renewed.close()


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["*.sqlite3", "documents.sqlite"])
def test_a_broken_store_is_made_again_with_a_sentence(tmp_path: Path, archive: Archive, broken: str) -> None:
    path = tmp_path / "memory"
    archive.notes.save(NOTES)
    memory = Memory.open(path, Hashing())
    memory.catch_up(archive)
    memory.close()
    for file in path.rglob(broken):
        file.write_bytes(b"this is no database" * 1000)
    code = (
        "import sys, logging; logging.basicConfig(); from pathlib import Path\n"
        "from evolver.memory import Archive, Memory, Hashing\n"
        "memory = Memory.open(Path(sys.argv[1]), Hashing())\n"
        "memory.catch_up(Archive.open(sys.argv[2]))\n"
        "print(memory.search_notes('annealing', 'packing', 1)[0].id); memory.close()"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path), f"sqlite:///{tmp_path / 'archive.sqlite'}"],
        capture_output=True,
        text=True,
        timeout=400,
        check=True,
    )
    assert said.stdout.split() == ["n1"]
    assert "made again from the archive" in said.stderr


def test_a_removed_index_is_made_again_and_one_that_is_behind_catches_up(
    tmp_path: Path,
    archive: Archive,
    make_campaign: Callable[..., Campaign],
    make_lesson: Callable[..., Lesson],
    finish: Callable[..., Experiment],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "memory"
    archive.campaigns.add(make_campaign())
    archive.notes.save(NOTES)
    for seq in range(3):
        finish(archive, seq, parents=("c-baseline",))
        archive.lessons.save(make_lesson(f"l{seq}", component=PARTS[seq]))

    def opened() -> tuple[set[str], set[str], set[str]]:
        memory = Memory.open(path, Hashing())
        memory.catch_up(archive, "c")
        found = (
            {hit.id for hit in memory.search_lessons("steps", "packing", 9)},
            {hit.id for hit in memory.search_ideas("plan", "c", 9)},
            {hit.id for hit in memory.search_notes("cool restart corners", "packing", 9)},
        )
        memory.close()
        return found

    whole = ({"l0", "l1", "l2"}, {"c-0-0", "c-0-1", "c-0-2"}, {"n1", "n2", "n4"})
    assert opened() == whole
    shutil.rmtree(path)
    caplog.clear()
    assert opened() == whole
    assert "made again from the archive" in caplog.text
    caplog.clear()
    archive.lessons.save(make_lesson("l3", component="late"))
    archive.lessons.save(make_lesson("l0", component=PARTS[0], status=LessonStatus.RETIRED))
    finish(archive, 3, parents=("c-baseline",))
    archive.notes.remove(["n4"])
    assert opened() == ({"l1", "l2", "l3"}, {*whole[1], "c-0-3"}, {"n1", "n2"})
    assert not caplog.text, "a few documents are caught up without a word"
    shutil.rmtree(path / "chroma")
    assert opened() == ({"l1", "l2", "l3"}, {*whole[1], "c-0-3"}, {"n1", "n2"})


def test_an_experiment_without_an_idea_is_not_among_the_ideas(
    tmp_path: Path, archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign())
    proposed = finish(archive, 0, parents=("c-baseline",))
    finish(archive, 1)  # its researcher gave no answer, so that it builds on nothing
    memory = Memory.open(tmp_path / "memory", Hashing())
    try:
        memory.catch_up(archive, "c")
        assert [hit.id for hit in memory.search_ideas("plan", "c", 9)] == [proposed.id]
        assert memory.rebuild(archive)["ideas"] == 1
    finally:
        memory.close()


def test_a_sentence_is_found_wherever_it_stands_in_a_long_note(memory: Memory) -> None:
    text = " ".join(f"Step {n} of the recipe mixes {PARTS[n % 12]} with {PARTS[n % 7]} and waits." for n in range(60))
    special = "Phosphorescent walruses prefer a logarithmic cooling ladder."
    notes = [
        Note(
            id=f"long{place}", source="a.md", title="Recipe", text=f"{text[:place]} {special} {text[place:]}", task="t"
        )
        for place in (0,)
    ] + [Note(id="other", source="b.md", title="Recipe", text=text, task="t")]
    for cut in (0, 600, 900, 1400):
        moved = notes[0].model_copy(update={"id": f"at{cut}", "text": f"{text[:cut]}\n{special}{cut}\n{text[cut:]}"})
        memory.add_notes([moved])
        memory.add_notes(notes[1:])
        hit = memory.search_notes(f"{special}{cut}", "t", 1)[0]
        assert hit.id == f"at{cut}"
        assert special in hit.text


def test_the_parts_of_a_score_make_the_score(memory: Memory, make_lesson: Callable[..., Lesson]) -> None:
    memory.add_lessons(
        [
            make_lesson("old", claim="smaller steps help late in the search", confidence=0.9),
            make_lesson("same", claim="smaller steps help late in the search", confidence=0.1),
            make_lesson("new", claim="restarts from many points do nothing", component="restarts"),
        ]
    )
    hits = memory.search_lessons("smaller steps late", "packing", 3)
    assert hits[0].id == "old", "the surer of two that say the same"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        parts = hit.parts
        total = parts.meaning + parts.words + parts.confidence + parts.recency + parts.repetition
        assert hit.score == pytest.approx(max(0.0, total))
    by_id = {hit.id: hit.parts for hit in hits}
    assert by_id["same"].repetition < 0 == by_id["old"].repetition
    assert by_id["new"].recency > by_id["old"].recency
    assert by_id["old"].words > by_id["new"].words == 0.0


def test_references_are_kept_apart(memory: Memory) -> None:
    memory.add_notes(
        [
            Note(id="r", source="p.pdf", title="References", text="Smith. Gates of the delta rule. 2024.", task="t"),
            Note(id="n", source="p.pdf", title="Method", text="We add a gate to the state.", task="t", page=2),
        ]
    )
    assert [hit.id for hit in memory.search_notes("gates of the delta rule", "t", 5)] == ["n"]


def test_a_rebuilt_index_finds_the_same(
    tmp_path: Path,
    archive: Archive,
    make_campaign: Callable[..., Campaign],
    make_lesson: Callable[..., Lesson],
    finish: Callable[..., Experiment],
) -> None:
    archive.campaigns.add(make_campaign())
    archive.notes.save(NOTES)
    memory = Memory.open(tmp_path / "memory")
    memory.add_notes(NOTES)
    for seq in range(12):
        experiment = finish(archive, seq, parents=("c-baseline",))
        assert experiment.proposal is not None
        memory.add_idea(experiment.id, "c", f"{experiment.proposal.hypothesis} {experiment.proposal.plan}")
        lesson = make_lesson(f"l{seq}", claim=f"the {PARTS[seq]} of the schedule matters", component=PARTS[seq])
        archive.lessons.save(lesson)
        memory.add_lessons([lesson])
    archive.lessons.save(make_lesson("gone", status=LessonStatus.RETIRED))
    memory.flush()

    def found() -> list[tuple[str, float]]:
        hits = [
            *memory.search_notes("local optima", "packing", 3),
            *memory.search_lessons("does the warm-up matter", "packing", 5),
            *memory.search_ideas("plan c-0-3", "c", 5),
        ]
        return [(hit.id, round(hit.score, 4)) for hit in hits]

    before = found()
    assert len(before) == 13
    assert memory.rebuild(archive) == {"notes": 4, "lessons": 12, "ideas": 12}
    assert found() == before
    memory.close()
    memory = Memory.open(tmp_path / "memory")
    assert found() == before
    memory.close()
