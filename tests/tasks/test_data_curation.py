"""Data curation: pools are what they claim, the judge trains only on what the pool holds, cheats gain nothing."""

from __future__ import annotations

import json
import lzma
import random
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evolver.contracts import Note, Program, Trial, TrialStatus
from evolver.evaluation.trial import run_trial as in_sandbox
from evolver.sandbox import Sandbox, open_sandbox
from evolver.search import Operators, TechniqueLibrary
from evolver.tasks import RUNTIME, load_task

TASK = load_task("data-curation")
PRIVATE, POOL = TASK.root / "private", TASK.root / "inputs" / "pool"
BASELINE = TASK.baseline()


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Import a module of the judge's own, by name, as the judge does."""
    names = {path.stem for place in (PRIVATE, POOL) for path in place.glob("*.py")}
    names |= {"judge", "evolver_trial", "evolver_readers"}
    monkeypatch.setenv("EVOLVER_ROOT", str(TASK.root))
    for folder in (TASK.root, PRIVATE, POOL, RUNTIME):
        monkeypatch.syspath_prepend(str(folder))

    def load(name: str) -> ModuleType:
        return __import__(name)

    yield load
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox("bubblewrap", 1)
    yield opened
    await opened.close()


async def attempt(sandbox: Sandbox, at: Path, program: Program, stage: str = "smoke", seed: int = 0) -> Trial:
    return await in_sandbox(sandbox, TASK, program, stage, seed, at / "trial" / "0", experiment="x")


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


# Data


def test_what_ships_is_small_and_says_nothing_of_its_edition(parts: Callable[[str], Any]) -> None:
    assert sum(path.stat().st_size for path in TASK.root.rglob("*") if "__pycache__" not in path.parts) < 3_000_000
    for path in (*POOL.glob("*.xz"), *PRIVATE.glob("*.xz")):
        assert "gutenberg" not in lzma.decompress(path.read_bytes()).decode().lower()


def test_no_book_is_in_both_the_pool_and_the_held_out_text(parts: Callable[[str], Any]) -> None:
    text = parts("raw_pool").read_text(POOL)
    held_out = words(json.loads(lzma.decompress((PRIVATE / "heldout.json.xz").read_bytes()))["text"])
    pool = words(" ".join(paragraph for book in text["english"] for paragraph in book))
    runs = {tuple(pool[at : at + 12]) for at in range(len(pool))}
    assert sum(tuple(held_out[at : at + 12]) in runs for at in range(len(held_out))) < 5


def test_a_pool_depends_on_stage_and_seed_alone(parts: Callable[[str], Any]) -> None:
    raw_pool = parts("raw_pool")
    text = raw_pool.read_text(POOL)
    first, again, other = (raw_pool.make_pool(text, "smoke", seed) for seed in (3, 3, 4))
    assert first == again
    assert {document.raw for document in first}.isdisjoint({d.raw for d in other if d.kind == "scan_errors"})


def test_pools_hold_every_kind_of_damage_and_locked_pools_others(parts: Callable[[str], Any]) -> None:
    raw_pool = parts("raw_pool")
    text = raw_pool.read_text(POOL)
    open_pool, locked = (raw_pool.make_pool(text, "proxy", 1000, locked=locked) for locked in (False, True))
    kinds, held_back = ({document.kind for document in pool} for pool in (open_pool, locked))
    assert kinds == {change.__name__ for change in raw_pool.OPEN} | raw_pool.JUNK.keys()
    assert held_back == {change.__name__ for change in raw_pool.LOCKED} | raw_pool.JUNK.keys()
    assert kinds & held_back == {"nothing", *raw_pool.JUNK}
    counts = Counter(document.raw for document in open_pool)
    assert sum(count - 1 for count in counts.values()) > 0.1 * len(open_pool)
    best = raw_pool.clean_documents(open_pool, random.Random(0))
    assert len(best) == raw_pool.PASSAGES["proxy"] == len(set(best))


# The judge's parts


def test_text_of_the_pool_is_kept_whatever_was_repaired(parts: Callable[[str], Any]) -> None:
    only_supported = parts("provenance").only_supported
    good = "It was a bright cold day in the valley, and the travellers' horses were tired of the long road home."
    raw = [
        good.replace(" ", "\n", 3).replace("travellers", "travel-\nlers"),
        "<p>The old lady&rsquo;s <b>umbrella</b> stood behind the kitchen door all through the winter.</p>",
        "He said that he wouldn\u00e2\u20ac\u2122t go\u00e2\u20ac\u201dnot for all the silver in the cathedral of the town.",
        "I waited for tlie carriage at the corner of the street until the church clock had struck eleven.",
    ]
    repaired = [
        good,
        "The old lady\u2019s umbrella stood behind the kitchen door all through the winter.",
        "He said that he wouldn't go--not for all the silver in the cathedral of the town.",
    ]
    for text in repaired:
        assert only_supported(text.encode(), raw) == (text.encode(), 0.0)
    # One misread word in a long text is a repair, too.
    long = "\n".join([*repaired * 3, raw[3].replace("tlie", "the")]).encode()
    assert only_supported(long, raw) == (long, 0.0)


def test_text_from_elsewhere_is_cut_out(parts: Callable[[str], Any]) -> None:
    only_supported = parts("provenance").only_supported
    raw = ["The garden behind the house was full of roses, and nobody had cut the grass since early spring."]
    foreign = "Sherlock Holmes took his bottle from the corner of the mantelpiece"
    trained, cut = only_supported(f"{raw[0]} {foreign}. {raw[0]}".encode(), raw)
    assert foreign[1:-1].encode() not in trained and trained.count(raw[0][:-1].encode()) == 2
    assert 0.2 < cut < 0.4
    assert only_supported(b"12345 !?", raw) == (b"", 0.0)
    assert only_supported(foreign.encode(), [])[1] == 1.0


def test_the_byte_model_is_a_probability_distribution(parts: Callable[[str], Any]) -> None:
    model = parts("ngram").ByteModel(b"the cat sat on the mat, and the rat ran. " * 30)
    for before in (b"the c", b"", b"zzzzzzz", b"at"):
        ends = [(before, bytes([byte])) for byte in range(256)]
        assert np.exp2(model.log2_of_ends(ends)).sum() == pytest.approx(1.0)
    long = model.log2(b"the cat sat on the rat")
    assert long.shape == (22,) and long[8:].mean() > -1.0
    assert model.log2_of_ends([(b"the cat sat", b" on")])[0] == pytest.approx(long[11:14].sum())


def test_the_byte_model_counts_as_witten_and_bell(parts: Callable[[str], Any]) -> None:
    # After "a", b follows twice and c once: two kinds among three; b makes 2 and c makes 1 of the 6 bytes, of 3 kinds.
    model = parts("ngram").ByteModel(b"abacab")
    unigram = (2 + 3 / 256) / (6 + 3)
    assert np.exp2(model.log2_of_ends([(b"\x01a", b"b")])[0]) == pytest.approx((2 + 2 * unigram) / (3 + 2))


def test_questions_have_one_right_answer_of_four(parts: Callable[[str], Any]) -> None:
    exam = parts("benchmark").Benchmark(PRIVATE)
    text = exam.text.decode()

    class Knows:
        def log2_of_ends(self, options: list[tuple[bytes, bytes]]) -> np.ndarray[Any, Any]:
            return np.array([float((before + end).decode() in text) for before, end in options])

    class Guesses:
        def log2_of_ends(self, options: list[tuple[bytes, bytes]]) -> np.ndarray[Any, Any]:
            return np.random.default_rng(0).random(len(options))

    assert exam.accuracy(Guesses()) == pytest.approx(0.25, abs=0.03)
    exam._questions = exam._questions[::60]
    assert exam.accuracy(Knows()) == 1.0
    assert len({before for question in exam._questions for before, _ in question}) == len(exam._questions) == 100


@pytest.mark.parametrize("content", ['{"documents": []}', "[1]", "[]", '[""]', "[NaN]", "[[]]", '["x"'])
def test_what_is_no_list_of_documents_gets_no_score(content: str, parts: Callable[[str], Any], tmp_path: Path) -> None:
    judge = parts("judge")
    (tmp_path / "kept_pool.json").write_text(content)
    with pytest.raises(judge.Invalid):
        judge.judge(tmp_path, PRIVATE, "smoke", 0)


def test_the_transformer_learns_on_a_cpu_and_agrees_with_itself(parts: Callable[[str], Any]) -> None:
    transformer = parts("transformer")
    size = transformer.Size(layers=1, width=32, heads=2, context=32, batch=16, steps=150, rate=1e-2, dropout=0.0)
    model = transformer.ByteTransformer(b"one two three four five six seven eight nine ten. " * 60, 0, size)
    text = b"one two three four five six seven eight nine ten. one two three four five six. " * 2
    long = model.log2(text)
    assert long.shape == (len(text),) and long[20:].mean() > -1.0
    ends = [(b"one two thr", bytes([byte])) for byte in range(256)]
    assert np.exp2(model.log2_of_ends(ends)).sum() == pytest.approx(1.0, abs=1e-4)
    assert model.log2_of_ends([(text[:11], text[11:15])])[0] == pytest.approx(long[11:15].sum(), abs=1e-3)
    again = transformer.ByteTransformer(b"one two three four five six seven eight nine ten. " * 60, 0, size)
    assert np.array_equal(again.log2(text), long)


def test_the_full_stage_judges_on_a_cpu_too(
    parts: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, transformer, raw_pool, benchmark = (parts(n) for n in ("judge", "transformer", "raw_pool", "benchmark"))
    size = transformer.Size(layers=1, width=32, heads=2, context=64, batch=4, steps=60, rate=3e-3)
    monkeypatch.setattr(transformer, "FULL", size)
    monkeypatch.setitem(judge.BUDGETS, "full", 60_000)
    monkeypatch.setitem(raw_pool.PASSAGES, "full", 40)
    whole = benchmark.Benchmark
    monkeypatch.setattr(benchmark, "Benchmark", lambda private: whole(private, 4_000, 50))
    pool = raw_pool.make_pool(raw_pool.read_text(POOL), "full", 0)
    (tmp_path / "kept_pool.json").write_text(json.dumps([document.raw for document in pool]))
    metrics = judge.judge(tmp_path, PRIVATE, "full", 0)
    assert 3.0 < metrics["bits_per_byte"] < 6.5
    assert metrics["quality"] == pytest.approx(
        (3.0 - metrics["bits_per_byte"] + (metrics["accuracy"] - 0.25) / 0.75) / 2
    )


# Programs


async def test_the_baseline_scores_what_the_readme_says(sandbox: Sandbox, tmp_path: Path) -> None:
    trial = await attempt(sandbox, tmp_path, BASELINE, "proxy")
    assert trial.metrics["quality"] == pytest.approx(0.525, abs=0.002)
    assert trial.metrics["filled"] == 1.0 and 0.0 < trial.metrics["cut"] < 0.1
    assert set(trial.sealed) == {"oracle_gap"} and 0.05 < trial.sealed["oracle_gap"] < 0.12


async def test_fresh_seeds_have_a_locked_pool(sandbox: Sandbox, tmp_path: Path) -> None:
    trial = await attempt(sandbox, tmp_path, BASELINE, "smoke", 1000)
    assert set(trial.sealed) == {"oracle_gap", "locked_quality"}
    lost = Program(files={"program.py": "def clean(docs):\n    return docs if len(docs) > 400 else ['x']\n"})
    worse = await attempt(sandbox, tmp_path, lost, "smoke", 1000)
    assert worse.sealed["locked_quality"] < trial.sealed["locked_quality"] - 0.5


async def test_the_program_sees_the_raw_documents_and_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
import os, sys
from pathlib import Path

def clean(docs):
    found = sorted(str(p) for name in ("inputs", "private", "judge", "outputs", "public", "artifacts", "task")
                   for p in Path("/", name).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    print(found, [name for name in ("raw_pool", "damage") if name in sys.modules])
    return docs
"""
    trial = await attempt(sandbox, tmp_path, Program(files={"program.py": text}))
    assert "['/artifacts/pool.json', '/task/harness.py'] []" in trial.log_tail


@pytest.mark.parametrize("name", sorted(TASK.cheats()))
async def test_cheating_does_not_pay(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    cheat = await attempt(sandbox, tmp_path, TASK.cheats()[name])
    if cheat.status is not TrialStatus.OK:
        assert cheat.status in (TrialStatus.INVALID, TrialStatus.FAILED, TrialStatus.OUT_OF_MEMORY), cheat
        return
    honest = await attempt(sandbox, tmp_path, BASELINE)
    assert cheat.metrics["quality"] < honest.metrics["quality"] + 0.02


# The search


def notes() -> list[Note]:
    return [
        Note(id=path.stem, source=path.name, title=path.stem, text=path.read_text())
        for path in sorted((TASK.root / "notes").glob("*.md"))
    ]


def test_every_technique_of_the_notes_fits_the_baseline_and_cleans(
    parts: Callable[[str], Any], tmp_path: Path, load_file: Callable[[Path], ModuleType]
) -> None:
    raw_pool = parts("raw_pool")
    docs = [document.raw for document in raw_pool.make_pool(raw_pool.read_text(POOL), "smoke", 5)]
    operators = Operators(TechniqueLibrary.from_notes(notes()), TASK.spec.program.entry, BASELINE)
    recipes = {str(recipe["technique"]): recipe for recipe in reversed(operators.techniques_for(BASELINE))}
    assert len(recipes) == len(operators.library.techniques) >= 14
    (tmp_path / "base.py").write_text(BASELINE.files["program.py"])
    before = load_file(tmp_path / "base.py").clean(docs)
    for name, recipe in recipes.items():
        program = operators.apply(recipe, BASELINE, {})
        assert operators.check(program) == []
        (tmp_path / f"{name}.py").write_text(program.files["program.py"])
        after = load_file(tmp_path / f"{name}.py").clean(docs)
        assert all(isinstance(doc, str) for doc in after)
        assert after != before, f"{name} changes nothing"
        assert sum(map(len, after)) > 0.05 * sum(map(len, before)), f"{name} throws nearly everything away"
