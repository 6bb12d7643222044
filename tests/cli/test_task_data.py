"""Tasks of one's own pairs: a csv with mistakes and without, and files that a real server sends well, badly or not."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import pty
import random
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from evolver.errors import UsageError
from own_data.sources import read_sources
from own_data.task_data import make_from_csv
from tests.conftest import EVOLVER

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
HEADER = ("drug", "target", "label")
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def rows(count: int = 3000) -> list[tuple[str, str, int]]:
    """Pairs of 60 drugs in 20 families and 45 targets in 15: relatives share all but a few characters.

    Drugs with bromine bind often, others seldom.
    """
    rng = random.Random(5)
    cores = ["".join(rng.choices("CNOSPF", k=24)) for _ in range(20)]
    drugs = [core + tail for core in cores for tail in ("", "Cl", "Br")]
    ancestors = ["".join(rng.choices(LETTERS, k=80)) for _ in range(15)]
    targets = [ancestor + "".join(rng.choices(LETTERS, k=6)) for ancestor in ancestors for _ in range(3)]
    grid = [(drug, target) for drug in drugs for target in targets]
    return [
        (*pair, int(rng.random() < (0.7 if pair[0].endswith("Br") else 0.1)))
        for pair in rng.sample(grid, min(count, len(grid)))
    ]


def write(path: Path, lines: Sequence[Sequence[object]], header: Sequence[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


# From a csv


def test_a_csv_becomes_a_task_whose_walls_hold(cli: Cli, tmp_path: Path) -> None:
    # Positives first, as files often are.
    lines = sorted(rows(), key=lambda row: -row[2])
    made = json.loads(
        cli(
            "task",
            "data",
            "drug-target",
            "--csv",
            write(tmp_path / "p.csv", lines),
            "-o",
            tmp_path / "my-pairs",
            "--json",
        ).stdout
    )
    assert (made["drugs"], made["targets"], made["drug_families"], made["target_families"]) == (60, 45, 20, 15)
    folder = tmp_path / "my-pairs"
    known = json.loads((folder / "inputs/draw/pairs.json").read_text())
    asked = json.loads((folder / "inputs/predict/pairs.json").read_text())
    judged = json.loads((folder / "private/pairs.json").read_text())
    truth = {(drug, target): label for drug, target, label in lines}
    assert len(known["pairs"]) + len(asked["pairs"]) == len(lines)
    for table, labels in ((known, known["labels"]), (asked, judged["labels"])):
        assert [truth[table["drugs"][d], table["targets"][t]] for d, t in table["pairs"]] == labels
    assert "labels" not in asked and asked["pairs"] == judged["pairs"]
    hidden = {drug for drug, new in zip(asked["drugs"], asked["hidden_drugs"], strict=True) if new}
    assert 15 <= len(hidden) <= 27
    assert not {drug[:24] for drug in hidden} & {drug[:24] for drug in known["drugs"]}
    # The order of rows tells nothing: half of the positives are in the first half.
    half = judged["labels"][: len(judged["labels"]) // 2]
    assert 0.4 < sum(half) / sum(judged["labels"]) < 0.6
    assert "name: my-pairs" in (folder / "task.yaml").read_text()
    assert "p.csv" in (folder / "README.md").read_text()


@pytest.mark.slow
def test_such_a_task_passes_its_check(cli: Cli, tmp_path: Path) -> None:
    csv_file = write(tmp_path / "p.csv", rows())
    cli("task", "data", "drug-target", "--csv", csv_file, "-o", tmp_path / "my-pairs")
    assert "ready" in cli("task", "check", tmp_path / "my-pairs", "--stage", "smoke", timeout=550).stdout


def test_another_seed_hides_others(cli: Cli, tmp_path: Path) -> None:
    source, hidden = write(tmp_path / "p.csv", rows()), list[str]()
    for seed in (0, 0, 1):
        folder = tmp_path / f"task-{len(hidden)}"
        cli("task", "data", "drug-target", "--csv", source, "-o", folder, "--seed", seed)
        hidden.append((folder / "private/pairs.json").read_text())
    assert hidden[0] == hidden[1] != hidden[2]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("CCO", "MKTAYIAKQRQ", "5.3"), "row 3, column label: '5.3' is not 0 or 1"),
        (("C C O", "MKTAYIAKQRQ", "1"), "row 3, column drug: 'C C O' is no SMILES"),
        (("", "MKTAYIAKQRQ", "1"), "row 3, column drug"),
        (("CCO", "MK7", "0"), "row 3, column target: 'MK7' is no sequence"),
        (("CCO", "MKTAYIAKQRQ"), "row 3: 2 columns, the header has 3"),
        (("CCO", "MKTAYIAKQRQ", "nan"), "row 3, column label"),
    ],
)
def test_a_wrong_row_is_named(line: Sequence[str], said: str, tmp_path: Path) -> None:
    source = write(tmp_path / "p.csv", [("CCO", "MKTAYIAKQRN", 1), line])
    with pytest.raises(UsageError) as error:
        make_from_csv("drug-target", source, tmp_path / "t-1", "", 0, False, True)
    assert f"p.csv, {said}" in str(error.value)
    assert not (tmp_path / "t-1").exists()


def test_mistakes_end_with_status_2_and_no_traceback(cli: Cli, tmp_path: Path) -> None:
    source = write(tmp_path / "p.csv", [("CCO", "MKTAYIAKQRN", 1), ("CCO", "MKTAYIAKQRN", 7)])
    result = cli("task", "data", "drug-target", "--csv", source, "-o", tmp_path / "t-1", check=2)
    assert "row 3, column label" in result.stderr and "Traceback" not in result.stderr


def test_other_mistakes_are_said(tmp_path: Path) -> None:
    good = rows()

    def refused(
        lines: Sequence[Sequence[object]],
        *,
        header: Sequence[str] = HEADER,
        columns: str = "",
        task: str = "drug-target",
        out: Path = tmp_path / "t-1",
    ) -> str:
        source = write(tmp_path / "p.csv", lines, header)
        with pytest.raises(UsageError) as error:
            make_from_csv(task, source, out, columns, 0, False, True)
        return str(error.value)

    assert "no column 'drug'; the header has SMILES, target, label" in refused(good, header=("SMILES", *HEADER[1:]))
    assert "write FIELD=NAME" in refused(good, columns="smiles")
    assert "1 pairs are labelled both 0 and 1" in refused([*good, (*good[0][:2], 1 - good[0][2])])
    assert "give more pairs" in refused(good[:200])
    assert "families" in refused([row for row in good if row[0][:24] == good[0][0][:24]])
    twenty = refused([("CCO", "MKTAYIAKQRN", "x")] * 20)
    assert twenty.count("row") == 10 and "these are the first" in twenty
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "work.txt").write_text("mine")
    assert "exists already" in refused(good, out=tmp_path / "full")
    assert "is no task name" in refused(good, out=tmp_path / "My_T")
    assert "takes no data of your own" in refused(good, task="circle-packing")


COMMANDS = """
import typer


def data(task: str, size: int = typer.Option(1, "--size", help="How large.")) -> None:
    print(f"{task} of {size}")
"""


def test_any_task_may_bring_such_a_command(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "own-task"
    cli("task", "new", folder.name)
    assert "takes no data of your own" in cli("task", "data", "./own-task", check=2).stderr
    (folder / "commands.py").write_text(COMMANDS)
    assert cli("task", "data", "--size", "3", "./own-task").stdout == "./own-task of 3\n"
    assert "How large." in cli("task", "data", "./own-task", "--help").stdout
    assert "--wrong" in cli("task", "data", "./own-task", "--wrong", check=2).stderr
    assert "no function fetch" in cli("task", "fetch", "./own-task", check=2).stderr


def test_the_built_in_command_tells_its_options_without_a_task_and_takes_it_anywhere(cli: Cli, tmp_path: Path) -> None:
    assert "--drop-conflicts" in cli("task", "data", "--help").stdout
    assert "--agree" in cli("task", "fetch", "--help").stdout
    source = write(tmp_path / "p.csv", rows())
    cli("task", "data", "--csv", source, "drug-target", "-o", tmp_path / "t-1")
    again = cli("task", "data", tmp_path / "t-1", "--csv", source, "-o", tmp_path / "t-2", "--json")
    assert json.loads(again.stdout)["folder"] == str(tmp_path / "t-2"), "a task made so is one of its kind"


def test_columns_families_repeats_and_conflicts(cli: Cli, tmp_path: Path) -> None:
    lines = [(f"{drug[:2]}-f", target, drug, label) for drug, target, label in rows()]
    lines += [lines[0], (*lines[1][:3], 1 - lines[1][3])]
    source = write(tmp_path / "p.csv", lines, ("scaffold", "Protein", "SMILES", "Y"))
    made = json.loads(
        cli(
            "task",
            "data",
            "drug-target",
            "--csv",
            source,
            "-o",
            tmp_path / "t-1",
            "--json",
            "--columns",
            "drug=SMILES,target=Protein,label=Y,drug_family=scaffold",
            "--drop-conflicts",
        ).stdout
    )
    # The lines hold one repeat, and one pair with both labels, which was seen twice.
    assert (made["repeats"], made["conflicts"]) == (2, 1)
    assert made["drug_families"] == len({line[0] for line in lines})


def test_counting_that_tells_labels_is_warned_of(cli: Cli, tmp_path: Path) -> None:
    rng = random.Random(0)
    # Negatives are few for drugs that bind much, as where only positives were measured.
    often = {drug: rng.random() < 0.5 for drug, _, _ in rows()}
    lines = [
        (drug, target, int(often[drug] and rng.random() < 0.8))
        for drug, target, _ in rows()
        if often[drug] or rng.random() < 0.3
    ]
    source = write(tmp_path / "p.csv", lines)
    said = cli("task", "data", "drug-target", "--csv", source, "-o", tmp_path / "t-1").stdout
    assert "Warning: how often a drug or target occurs" in said
    said = cli("task", "data", "drug-target", "--csv", write(source, rows()), "-o", tmp_path / "t-2").stdout
    assert "Warning" not in said


# From a server


class Server(ThreadingHTTPServer):
    """Serves one file: whole, cut off at first, changed, longer than said, or not at all."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.asked: list[tuple[str, str | None]] = []
        self.cut: set[str] = {"/cut.csv", "/cut-whole.csv"}
        """Paths that break off the next time they are asked for."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked_range = self.headers.get("Range")
        self.server.asked.append((self.path, asked_range))
        content = self.server.content
        if self.path == "/gone.csv":
            self.send_error(404)
            return
        if self.path == "/changed.csv":
            content = content.replace(b"0", b"1")
        if self.path == "/longer.csv":
            content += b"more"
        start = int(asked_range[6:-1]) if asked_range and self.path != "/cut-whole.csv" else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.path in self.server.cut:
            self.server.cut.discard(self.path)
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content[start:])

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(write(tmp_path / "served.csv", rows()).read_bytes())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def table(folder: Path, server: Server, path: str = "/good.csv", **changes: object) -> Path:
    source = {
        "name": "own-set",
        "url": server.address + path,
        "sha256": hashlib.sha256(server.content).hexdigest(),
        "bytes": len(server.content),
        "licence": {"name": "Example 1.0", "url": "https://example.org/licence", "text": "Only for tests."},
    }
    written = folder / "sources.yaml"
    written.write_text(yaml.safe_dump({"sources": [source | changes]}))
    return written


def test_what_is_fetched_becomes_a_task_and_is_kept(cli: Cli, server: Server, home: Path, tmp_path: Path) -> None:
    sources = table(tmp_path, server)
    result = cli("task", "fetch", "drug-target", "--from", sources, "--agree", "-o", tmp_path / "t-1")
    assert "Licence: Example 1.0" in result.stderr and "Only for tests." in result.stderr
    assert "Wrote" in result.stdout
    (kept,) = (home / "data" / "drug-target").glob("*.csv")
    assert kept.read_bytes() == server.content
    assert "Only for tests." in (kept.parent / "own-set-licence.txt").read_text()
    assert hashlib.sha256(server.content).hexdigest() in (tmp_path / "t-1" / "README.md").read_text()
    cli("task", "fetch", "drug-target", "--from", sources, "--agree", "-o", tmp_path / "t-2")
    assert len(server.asked) == 1


@pytest.mark.parametrize("path", ["/cut.csv", "/cut-whole.csv"])
def test_a_broken_transfer_is_gone_on_with(path: str, cli: Cli, server: Server, home: Path, tmp_path: Path) -> None:
    words = ("task", "fetch", "drug-target", "--from", table(tmp_path, server, path), "--agree", "-o", tmp_path / "t-1")
    assert "run the command again to go on" in cli(*words, check=1).stderr
    assert not (tmp_path / "t-1").exists() and not list(home.rglob("*.csv"))
    cli(*words)
    (_, first), (_, second) = server.asked
    assert first is None and second == f"bytes={len(server.content) // 2}-"
    (kept,) = home.rglob("*.csv")
    assert kept.read_bytes() == server.content and not list(home.rglob("*.part"))


@pytest.mark.parametrize(
    ("path", "changes", "status", "said"),
    [
        ("/changed.csv", {}, 2, "it was thrown away"),
        ("/longer.csv", {}, 2, "sends more than the"),
        ("/good.csv", {"bytes": 10**7}, 1, "run the command again"),
        ("/good.csv", {"sha256": "0" * 64}, 2, "hashes to"),
        ("/gone.csv", {}, 1, "answers 404"),
    ],
)
def test_what_does_not_match_never_appears(
    path: str, changes: dict[str, object], status: int, said: str, cli: Cli, server: Server, home: Path, tmp_path: Path
) -> None:
    sources = table(tmp_path, server, path, **changes)
    result = cli("task", "fetch", "drug-target", "--from", sources, "--agree", "-o", tmp_path / "t-1", check=status)
    assert said in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "t-1").exists() and not list(home.rglob("*.csv"))


def test_without_a_network_it_says_so(cli: Cli, server: Server, tmp_path: Path) -> None:
    sources = table(tmp_path, server, url="http://127.0.0.1:1/x.csv")
    result = cli("task", "fetch", "drug-target", "--from", sources, "--agree", "-o", tmp_path / "t-1", check=1)
    assert "cannot be fetched" in result.stderr and "Traceback" not in result.stderr


def test_nothing_is_fetched_before_the_licence_is_agreed_to(cli: Cli, server: Server, tmp_path: Path) -> None:
    sources = table(tmp_path, server)
    result = cli("task", "fetch", "drug-target", "--from", sources, "-o", tmp_path / "t-1", check=2)
    assert "--agree" in result.stderr and "Only for tests." in result.stderr
    assert server.asked == []


@pytest.mark.parametrize(("typed", "status"), [("yes", 0), ("no", 2), ("", 2)])
def test_the_licence_is_asked_about_at_a_terminal(
    typed: str, status: int, server: Server, home: Path, tmp_path: Path
) -> None:
    master, slave = pty.openpty()
    sources = table(tmp_path, server)
    words: list[str | Path] = [EVOLVER, "task", "fetch", "drug-target", "--from", sources, "-o", tmp_path / "t-1"]
    os.write(master, f"{typed}\n".encode())
    done = subprocess.run(
        words,
        stdin=slave,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "EVOLVER_HOME": str(home)},
    )
    os.close(master)
    os.close(slave)
    assert done.returncode == status, done.stderr
    assert "Type yes" in done.stderr
    assert bool(server.asked) == (status == 0)


def test_a_wrong_table_is_put_into_words(cli: Cli, server: Server, tmp_path: Path) -> None:
    for changes, said in (
        ({"url": "http://example.org/x.csv"}, "sources[0].url: 'http://example.org/x.csv' is not encrypted"),
        ({"url": "ftp://example.org/x.csv"}, "is no address"),
        ({"sha256": "12"}, "sources[0].sha256"),
        ({"colour": "red"}, "sources[0].colour"),
        ({"licence": {"name": "x", "url": "y", "text": " "}}, "sources[0].licence.text"),
    ):
        sources = table(tmp_path, server, **changes)
        with pytest.raises(UsageError) as error:
            read_sources(sources)
        assert said in str(error.value)
    assert "no addresses" in cli("task", "fetch", "drug-target", "-o", tmp_path / "t-1", check=2).stderr
    assert (
        "does not exist"
        in cli("task", "fetch", "drug-target", "--from", "nowhere.yaml", "-o", tmp_path / "t-1", check=2).stderr
    )
    assert server.asked == []
