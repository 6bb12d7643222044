"""The receiving end, fed with what a hostile launcher could send."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolver.sandbox.base import Limits
from evolver.sandbox.outputs import OutputRefused, Report, receive

LIMITS = Limits(output=1 << 10, output_files=3)
DONE = struct.pack(">iQ", 5, 1 << 20)


def file(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return b"F" + struct.pack(">HQ", len(name), len(data) if size is None else size) + name + data


def got(tmp_path: Path, *frames: bytes) -> Report:
    return receive(io.BytesIO(DONE + b"".join(frames)), tmp_path / "in", LIMITS)


def test_files_arrive_private(tmp_path: Path) -> None:
    report = got(tmp_path, file(b"a/b.txt", b"one"), file("ü.txt".encode(), b""), b".")
    assert (report.exit_code, report.peak_memory, report.refused) == (5, 1 << 20, "")
    assert (tmp_path / "in/a/b.txt").read_bytes() == b"one" and (tmp_path / "in/ü.txt").stat().st_size == 0
    assert (tmp_path / "in").stat().st_mode & 0o777 == 0o700 and (
        tmp_path / "in/a/b.txt"
    ).stat().st_mode & 0o777 == 0o600


def test_a_leftover_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "old").write_text("x")
    got(tmp_path, b".")
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b"/etc/passwd",
        b"../x",
        b"a/../../x",
        b"a//b",
        b"./a",
        b"a/.",
        b"a\0b",
        b"a\nb",
        b"\xff",
        b"a/" * 16 + b"b",
        b"x" * 256,
        b"x" * 600,
        "a\u202eb".encode(),
    ],
)
def test_names_that_are_not_plain_paths(tmp_path: Path, name: bytes) -> None:
    assert "name" in got(tmp_path, file(name, b"evil"), b".").refused
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([file(str(i).encode(), b"") for i in range(4)], "more than 3 files"),
        ([file(b"a", b"x" * 600), file(b"b", b"x" * 600)], "more than 1024 bytes"),
        ([file(b"a", b"", size=1 << 63)], "more than 1024 bytes"),
        ([file(b"a", b"1"), file(b"a", b"2")], "twice"),
        ([file(b"a", b"1"), file(b"a/b", b"2")], "twice"),
        ([file(b"a/b", b"1"), file(b"a", b"2")], "twice"),
        ([file(b"a", b"12", size=5)], "broke off"),
        ([file(b"a", b"12")], "broke off"),
        ([b"X"], "garbled"),
        ([b"R" + struct.pack(">H", 9) + b"too\x1b[31m!"], "too [31m!"),
    ],
)
def test_streams_that_are_refused(tmp_path: Path, frames: list[bytes], why: str) -> None:
    assert why in got(tmp_path, *frames).refused


def test_a_stream_without_exit_status_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match="broke off"):
        receive(io.BytesIO(DONE[:5]), tmp_path / "in", LIMITS)
    assert list(tmp_path.iterdir()) == []


NAMES = st.one_of(st.binary(max_size=40), st.text(alphabet="a./\\\0~ü", max_size=12).map(str.encode))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.lists(
        st.one_of(st.builds(file, NAMES, st.binary(max_size=50)), st.binary(max_size=30), st.just(b".")), max_size=6
    )
)
def test_no_stream_escapes_its_folder(tmp_path: Path, frames: list[bytes]) -> None:
    got(tmp_path, *frames)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    kept = [path for path in (tmp_path / "in").rglob("*") if path.is_file()]
    assert len(kept) <= LIMITS.output_files
    assert not any(path.is_symlink() for path in (tmp_path / "in").rglob("*"))
    assert sum(path.stat().st_size for path in kept) <= LIMITS.output
