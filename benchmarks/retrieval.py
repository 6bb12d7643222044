"""Does the memory find what a question is about, how fast, and does a kill lose anything?

    python benchmarks/retrieval.py [--lessons 100000] [--kills 20] [--only recall,verbatim,pages,speed,kills] [--json]

recall    lesson_paraphrases.json: 60 lessons with a researcher's question about each, written before anything was
          tuned, and 50 more (held_out_paraphrases.json) on which nothing was tuned: recall@1 and @3 of the whole
          search, of meaning alone and of words alone.
verbatim  a sentence asked as it stands, at every place of long chunks: share found first.
pages     CPU seconds until 200 pages of prose in ten files can be searched.
speed     CPU milliseconds of a query among many lessons of one scope; vectors of lessons are drawn, not embedded.
kills     a writer of lessons is killed and the index opened again: lessons missing, and lessons of another scope found.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from evolver.contracts import Budget, Campaign, Lesson, LessonStatus, Metric, Note, Operator
from evolver.memory import Archive, Hashing, Memory, default_embedder, read_notes
from evolver.memory.index import BATCH
from evolver.memory.research_terms import research_terms

HERE = Path(__file__).parent
WORDS = """search step rate loss batch gradient circle radius penalty restart noise sample layer gate decay momentum
grid corner swap tour cache block filter token data mixture policy reward kernel feature target scale outlier spline
basis schedule window buffer index cluster prior margin anneal mutate select clip warm cool pack sort merge""".split()


def lesson(key: str, text: str, component: str = "", task: str = "t", campaign: str = "c") -> Lesson:
    """A lesson that says something."""
    return Lesson(
        id=key,
        task=task,
        campaign=campaign,
        claim=text,
        component=component or "change",
        operator=Operator.EDIT,
        effect=1.0,
        evidence=("c-0-0",),
        confidence=0.5,
        status=LessonStatus.SUPPORTED,
    )


def recall(file: str) -> dict[str, dict[str, float]]:
    """Recall of the whole search, of meaning alone and of words alone."""
    pairs = json.loads((HERE / file).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory.open(Path(folder))
        memory.add_lessons([lesson(str(n), p["lesson"], p["component"]) for n, p in enumerate(pairs)])
        memory.flush()
        ranks: dict[str, list[float]] = {"fused": [], "meaning only": [], "words only": []}
        plain = np.stack(default_embedder()([f"{p['component']}: {p['lesson']}" for p in pairs]))
        for number, pair in enumerate(pairs):
            hits = memory.search_lessons(pair["paraphrase"], "t", len(pairs))
            ranks["fused"].append(_rank([hit.id for hit in hits], str(number)))
            near = np.argsort(-(plain @ default_embedder()([pair["paraphrase"]])[0]), kind="stable")
            ranks["meaning only"].append(_rank([str(n) for n in near], str(number)))
            words = memory._documents.search(pair["paraphrase"], "lessons", "t", len(pairs))
            known = memory._documents.by_numbers([hit.number for hit in words])
            ranks["words only"].append(_rank([known[hit.number]["id"] for hit in words], str(number)))
        memory.close()
    return {
        name: {f"recall@{k}": round(float(np.mean([r <= k for r in found])), 3) for k in (1, 3, 8)}
        for name, found in ranks.items()
    }


def _rank(order: list[str], key: str) -> float:
    return order.index(key) + 1 if key in order else float("inf")


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(7, 14))).capitalize() + "."


def verbatim(chunks: int = 40) -> dict[str, float]:
    """Every sentence of every chunk, asked as it stands."""
    rng = random.Random(1)
    texts = [[_sentence(rng) for _ in range(24)] for _ in range(chunks)]
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory.open(Path(folder))
        memory.add_notes(
            [Note(id=str(n), source="a", title=f"part {n}", text=" ".join(s), task="t") for n, s in enumerate(texts)]
        )
        asked = [(str(n), sentence) for n, said in enumerate(texts) for sentence in said[::3]]
        first = [memory.search_notes(sentence, "t", 1)[0].id == key for key, sentence in asked]
        memory.close()
    return {"asked": len(asked), "found_first": float(np.mean(first))}


def pages(count: int = 200) -> dict[str, float]:
    """Prose of 3,000 characters a page in ten files."""
    rng = random.Random(2)
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes")
        notes.mkdir()
        for number in range(10):
            text = "\n\n".join(
                f"## {_sentence(rng)}\n\n" + " ".join(_sentence(rng) for _ in range(42)) for _ in range(count // 10)
            )
            (notes / f"{number}.md").write_text(text, encoding="utf-8")
        default_embedder()(["loads the model"])
        memory = Memory.open(Path(folder, "memory"))
        began = time.process_time()
        read = read_notes([notes], "t")
        memory.add_notes(read)
        indexed = time.process_time() - began
        began = time.process_time()
        memory.search_notes(_sentence(rng), "t", 3)
        asked = time.process_time() - began
        memory.close()
    return {"pages": count, "chunks": len(read), "cpu_seconds": round(indexed, 2), "first_query": round(asked, 2)}


class Drawn(Hashing):
    """Vectors of documents drawn at random from their texts; a query's by the default embedder."""

    def __call__(self, input: list[str]) -> list[Any]:
        """A batch comes from the writer, a single text from a query."""
        if len(input) < BATCH:
            return list(default_embedder()(input))
        rng = np.random.default_rng(abs(hash(input[0])) % 2**32)
        vectors = rng.normal(size=(len(input), 384)).astype(np.float32)
        return list(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def speed(lessons: int, queries: int = 200) -> dict[str, float]:
    """Queries among `lessons` of one scope, with as many words as a researcher's."""
    rng = random.Random(3)
    vocabulary = [*WORDS, *(f"{a}{b}" for a in WORDS[:40] for b in WORDS[:40])]
    weights = [1.0 / rank for rank in range(1, len(vocabulary) + 1)]
    pairs = json.loads((HERE / "lesson_paraphrases.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory.open(Path(folder), Drawn())
        began = time.process_time()
        for begin in range(0, lessons, 5000):
            memory.add_lessons(
                [
                    lesson(str(n), " ".join(rng.choices(vocabulary, weights, k=10)) + f". {pairs[n % 60]['lesson']}")
                    for n in range(begin, min(lessons, begin + 5000))
                ]
            )
            memory.flush()
        indexed = time.process_time() - began
        spent = []
        for number in range(queries):
            question = f"{pairs[number % 60]['paraphrase']} {rng.choice(vocabulary)}"
            began = time.process_time()
            memory.search_lessons(question, "t", 8)
            spent.append(1e3 * (time.process_time() - began))
        memory.close()
    middle, high = np.percentile(spent[10:], [50, 95])
    return {"lessons": lessons, "indexing": round(indexed, 1), "p50_ms": round(middle, 1), "p95_ms": round(high, 1)}


WRITER = """
import sys; from pathlib import Path
sys.path.insert(0, sys.argv[3])
from retrieval import lesson
from evolver.memory import Archive, Hashing, Memory
archive = Archive.open(sys.argv[1]); memory = Memory.open(Path(sys.argv[2]), Hashing()); memory.catch_up(archive, "c")
number = len(archive.lessons.list())
while True:
    new = lesson(f"l{number}", f"claim {number} about part {number % 7}", task="t" if number % 2 else "other")
    archive.lessons.save(new); memory.add_lessons([new]); print(number, flush=True); number += 1
"""


def kills(count: int) -> dict[str, int]:
    """Kill a writer again and again; after each, open the index and compare it with the archive."""
    rng, missing, leaked, written = random.Random(4), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        url, path = f"sqlite:///{folder}/archive.sqlite", Path(folder, "memory")
        with Archive.open(url) as archive:
            metric = Metric.model_validate({"name": "m", "direction": "maximize"})
            archive.campaigns.add(
                Campaign(
                    name="c",
                    task="t",
                    task_version="1",
                    metric=metric,
                    stage="full",
                    seed=0,
                    workers=1,
                    budget=Budget(experiments=1),
                    sandbox="auto",
                )
            )
            for _ in range(count):
                writer = subprocess.Popen(
                    [sys.executable, "-c", WRITER, url, str(path), str(HERE)], stdout=subprocess.PIPE, text=True
                )
                assert writer.stdout is not None
                writer.stdout.readline()
                time.sleep(rng.uniform(0.05, 1.5))
                writer.kill()
                writer.communicate()
                memory = Memory.open(path, Hashing())
                memory.catch_up(archive, "c")
                for task in ("t", "other"):
                    known = {x.id for x in archive.lessons.list(task=task)}
                    memory.flush()
                    held = set(memory._documents.owners("lessons", task))
                    near = memory._vectors.nearest("lessons", task, memory._embed(["claim"])[0], len(known) + 9)
                    missing += len(known - held) + len(known - set(near))
                    hits = {hit.id for hit in memory.search_lessons("claim about part", task, 50)}
                    leaked += len(hits - known)
                written = len(archive.lessons.list())
                memory.close()
    return {"kills": count, "lessons": written, "missing": missing, "leaked": leaked}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", default="recall,verbatim,pages,speed,kills")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    research_terms()
    parts: dict[str, Callable[[], object]] = {
        "recall": lambda: {f: recall(f) for f in ("lesson_paraphrases.json", "held_out_paraphrases.json")},
        "verbatim": verbatim,
        "pages": pages,
        "speed": lambda: speed(chosen.lessons),
        "kills": lambda: kills(chosen.kills),
    }
    result = {name: parts[name]() for name in chosen.only.split(",")}
    print(json.dumps(result) if chosen.json else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
