"""Readers for files that a candidate wrote: json, npy, npz and safetensors, and nothing that could be code.

Each checks sizes before it takes memory and raises Invalid, in words, for whatever is not as the judge wants it.
"""

from __future__ import annotations

import io
import json
import math
import os
import stat
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import zipfile

    import numpy

FORMATS = (".json", ".npy", ".npz", ".safetensors")
"""What a program may leave for the judge."""
MOST_ARRAYS = 4096
LONGEST_HEADER = 1 << 20
"""Bytes of JSON at the beginning of a safetensors file."""

Shape = Sequence[int | None]
"""None allows any length there."""
Arrays = dict[str, "numpy.ndarray[Any, Any]"]


class Invalid(Exception):
    """Raised by a judge: this output gets no score, for the reason given.

    `feedback` is what else is to be said, as texts and small tables by name.
    """

    def __init__(self, reason: str, feedback: Mapping[str, object] | None = None) -> None:
        super().__init__(reason)
        self.feedback = dict(feedback or {})


class Failed(Invalid):
    """Raised by a judge where the output itself says that the program ended with an error."""


def refuse_other_formats(folder: Path) -> None:
    """Raise Invalid if a program left anything but data files of the formats that are read here."""
    for path in sorted(folder.rglob("*")):
        if not path.is_dir() and path.suffix not in FORMATS:
            name = path.relative_to(folder)
            raise Invalid(f"{name} is in no format that is judged; write {', '.join(FORMATS)}")


def read_bounded(path: Path, limit: int = 16 << 20) -> bytes:
    """The bytes of a plain file; raises Invalid if it is missing, no plain file, or larger than `limit` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Invalid(f"the program left no {path.name}") from None
    except OSError as error:
        raise Invalid(f"{path.name} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Invalid(f"{path.name} is not a plain file")
        if status.st_size > limit:
            raise Invalid(f"{path.name} has {status.st_size} bytes, more than {limit}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)


def safe_json(path: Path, limit: int = 16 << 20) -> Any:
    """The value in a JSON file that a candidate wrote.

    Raises Invalid if it is missing, larger than `limit` bytes, not strict JSON, names a key twice, or holds a
    number that is not finite.
    """
    try:
        return _strict_json(read_bounded(path, limit))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path.name} is not usable JSON: {error}") from None


def _strict_json(data: bytes) -> Any:
    return json.loads(
        data.decode("utf-8"), parse_float=_finite, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
    )


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    return value


def safe_npy(path: Path, *, shape: Shape, dtype: str = "float64", limit: int = 256 << 20) -> numpy.ndarray[Any, Any]:
    """The array in an npy file that a candidate wrote; None in `shape` allows any length there.

    Raises Invalid if it is missing, larger than `limit` bytes, of another dtype or shape, or not finite throughout.
    The header is checked against the file's true size before memory is taken.
    """
    return _checked(path.name, _from_npy(path.name, read_bounded(path, limit)), shape, dtype)


def safe_npz(
    path: Path, *, shapes: Mapping[str, Shape], dtype: str | Mapping[str, str] = "float64", limit: int = 256 << 20
) -> Arrays:
    """The arrays in an npz file that a candidate wrote, by name; `shapes` says which there must be.

    `dtype` is one for all or one for each name. Raises Invalid as `safe_npy` does, for arrays that are missing or too
    many, and if they unpack to more than `limit` bytes altogether.
    """
    import zipfile
    import zlib

    data = read_bounded(path, limit)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise Invalid(f"{path.name} holds an array twice")
            _same_names(path.name, members, shapes)
            total = sum(info.file_size for info in members.values())
            if total > limit:
                raise Invalid(f"{path.name} unpacks to {total} bytes, more than {limit}")
            parts = {name: _unpacked(archive, info) for name, info in members.items()}
    # zipfile has no error of its own for many ways in which a file can be broken.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error) as error:
        raise Invalid(f"{path.name} is not a usable npz file: {error}") from None
    kinds = dict.fromkeys(shapes, dtype) if isinstance(dtype, str) else dtype
    return {
        name: _checked(f"{path.name}: {name}", _from_npy(f"{path.name}: {name}", parts[name]), shape, kinds[name])
        for name, shape in shapes.items()
    }


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, at most as many as it declares. Raises ValueError for what numpy does not write."""
    if info.compress_type not in (0, 8) or not info.filename.endswith(".npy"):
        raise ValueError(f"{info.filename!r} is not an array that is stored or deflated")
    with archive.open(info) as member:
        return member.read(info.file_size)


def safe_safetensors(path: Path, *, shapes: Mapping[str, Shape] | None = None, limit: int = 1 << 30) -> Arrays:
    """The tensors in a safetensors file that a candidate wrote, by name; `shapes` says which there must be, if given.

    Numbers of type BF16 come back as float32. Raises Invalid if the file is missing, larger than `limit` bytes,
    malformed, of another shape, or not finite throughout; sizes are checked before memory is taken.
    """
    data = read_bounded(path, limit)
    try:
        (length,) = struct.unpack_from("<Q", data)
        if not 2 <= length <= min(LONGEST_HEADER, len(data) - 8):
            raise ValueError(f"its header claims {length} bytes")
        header = _strict_json(data[8 : 8 + length])
        if not isinstance(header, dict):
            raise ValueError("its header is no JSON object")
        header.pop("__metadata__", None)
        if len(header) > MOST_ARRAYS:
            raise ValueError(f"it holds more than {MOST_ARRAYS} tensors")
        arrays = _tensors(header, memoryview(data)[8 + length :])
    except (struct.error, ValueError, RecursionError) as error:
        raise Invalid(f"{path.name} is not a usable safetensors file: {error}") from None
    if shapes is not None:
        _same_names(path.name, arrays, shapes)
    return {
        name: _checked(f"{path.name}: {name}", array, array.shape if shapes is None else shapes[name], None)
        for name, array in arrays.items()
    }


_TENSOR_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "<u1",
}  # fmt: skip


def _tensors(header: dict[str, Any], body: memoryview) -> Arrays:
    """The tensors that a header describes, which must fill the body without gaps or overlaps. Raises ValueError."""
    import numpy

    arrays, end = {}, 0
    for name, about in sorted(header.items(), key=lambda item: _offsets(*item)):
        start, stop = _offsets(name, about)
        kind, shape = about["dtype"], about["shape"]
        if not isinstance(kind, str) or kind not in _TENSOR_TYPES:
            raise ValueError(f"{name} has the type {str(kind)[:40]}; use {', '.join(_TENSOR_TYPES)}")
        if not isinstance(shape, list) or len(shape) > 32 or not all(type(n) is int and 0 <= n < 2**48 for n in shape):
            raise ValueError(f"{name} has no usable shape")
        stored = numpy.dtype(_TENSOR_TYPES[kind])
        if start != end or stop > len(body) or stop - start != math.prod(shape) * stored.itemsize:
            raise ValueError(f"the bytes {start} to {stop} of {name} fit neither its shape nor their neighbours")
        array = numpy.frombuffer(body[start:stop], dtype=stored).reshape(shape)
        if kind == "BF16":
            array = (array.astype("<u4") << 16).view("<f4")
        elif kind == "BOOL":
            array = array != 0
        arrays[name], end = array, stop
    if end != len(body):
        raise ValueError(f"{len(body) - end} bytes belong to no tensor")
    return arrays


def _offsets(name: str, about: object) -> tuple[int, int]:
    """Where a tensor's bytes lie. Raises ValueError unless its entry has the three fields that it must have."""
    if not isinstance(about, dict) or set(about) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the entry of {name[:80]} must have dtype, shape and data_offsets")
    places = about["data_offsets"]
    if not isinstance(places, list) or len(places) != 2 or not all(type(place) is int for place in places):
        raise ValueError(f"the data_offsets of {name[:80]} are not two integers")
    return places[0], places[1]


def _same_names(file: str, found: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    """Raise Invalid unless exactly the wanted arrays are there."""
    if found.keys() != wanted.keys():
        names = ", ".join(sorted(found)[:20])[:300] or "nothing"
        raise Invalid(f"{file} holds {names}, not {', '.join(sorted(wanted))}")


def _from_npy(name: str, content: bytes) -> numpy.ndarray[Any, Any]:
    """The array in the bytes of an npy file; raises Invalid for objects and for sizes that do not fit."""
    import numpy
    from numpy.lib import format as npy

    data = io.BytesIO(content)
    try:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(data)]
        shape, by_columns, kind = read_header(data)
    except Exception as error:  # numpy's parser raises whatever its own tools do
        raise Invalid(f"{name} is not a usable npy file: {error}") from None
    if kind.hasobject:
        raise Invalid(f"{name} holds {kind}, not numbers")
    body = data.read()
    if any(size < 0 for size in shape) or len(body) != math.prod(shape) * kind.itemsize:
        raise Invalid(f"{name} has {len(body)} bytes of numbers, which does not fit shape {shape}")
    try:
        return numpy.frombuffer(body, dtype=kind).reshape(shape, order="F" if by_columns else "C")
    except ValueError as error:
        raise Invalid(f"{name} is not a usable npy file: {error}") from None


def _checked(name: str, array: numpy.ndarray[Any, Any], shape: Shape, dtype: str | None) -> numpy.ndarray[Any, Any]:
    """The array; raises Invalid if it is of another kind or shape than wanted, or not finite."""
    import numpy

    if dtype is not None and array.dtype != numpy.dtype(dtype):
        raise Invalid(f"{name} holds {array.dtype}, not {numpy.dtype(dtype)}")
    found = array.shape
    if len(found) != len(shape) or any(size not in (None, got) for size, got in zip(shape, found, strict=True)):
        raise Invalid(f"{name} has shape {found}, not {tuple(shape)}")
    if array.dtype.kind in "fc" and not numpy.isfinite(array).all():
        raise Invalid(f"{name} holds numbers that are not finite")
    return array
