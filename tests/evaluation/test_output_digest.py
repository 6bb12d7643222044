from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from evolver.evaluation.output_digest import digest_of
from evolver.evaluation.repeats import ENOUGH_BITS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_numbers_in_json_count_with_nine_digits(folder: Path) -> None:
    file = folder / "values.json"
    file.write_text(json.dumps([0.1234567891, -2.5e-7, 3]))
    digest, _ = digest_of(folder)
    file.write_text(json.dumps([0.123456789104, -2.5e-7, 3]))
    assert digest_of(folder)[0] == digest
    file.write_text(json.dumps([0.1234568, -2.5e-7, 3]))
    assert digest_of(folder)[0] != digest


def test_names_and_every_byte_of_other_files_count(folder: Path) -> None:
    (folder / "a.npy").write_bytes(b"123")
    first, _ = digest_of(folder)
    (folder / "a.npy").write_bytes(b"124")
    second, _ = digest_of(folder)
    (folder / "a.npy").rename(folder / "b.npy")
    third, _ = digest_of(folder)
    assert len({first, second, third}) == 3


def test_few_labels_are_too_little_to_go_by_and_many_numbers_are_enough(folder: Path) -> None:
    rng = random.Random(0)
    file = folder / "labels.json"
    file.write_text(json.dumps([rng.randrange(10) for _ in range(20)]))
    assert 0 < digest_of(folder)[1] < ENOUGH_BITS / 2
    file.write_text(json.dumps([rng.randrange(2) for _ in range(400)]))
    assert digest_of(folder)[1] < ENOUGH_BITS
    file.write_text(json.dumps([rng.random() for _ in range(78)]))
    assert digest_of(folder)[1] >= ENOUGH_BITS


def test_links_and_pipes_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("[1]")
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    assert digest_of(folder) == ("", 0)
    (folder / "link.json").unlink()
    os.mkfifo(folder / "pipe.json")
    assert digest_of(folder) == ("", 0)


def test_an_empty_folder_says_nothing(folder: Path) -> None:
    assert digest_of(folder)[1] == 0
