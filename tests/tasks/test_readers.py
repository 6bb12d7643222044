"""Readers of files from candidates: each accepted format comes back exactly, each malformed one is refused in words."""

from __future__ import annotations

import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolver.tasks import RUNTIME


@pytest.fixture
def readers(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    return load_file(RUNTIME / "evolver_readers.py")


# npz


def test_an_npz_comes_back_as_it_was_saved(readers: ModuleType, tmp_path: Path) -> None:
    path, arrays = tmp_path / "a.npz", {"x": np.arange(6.0).reshape(2, 3), "n": np.array([1, 2], dtype=np.int64)}
    for save in (np.savez, np.savez_compressed):
        save(path, allow_pickle=False, x=arrays["x"], n=arrays["n"])
        read = readers.safe_npz(path, shapes={"x": (None, 3), "n": (2,)}, dtype={"x": "float64", "n": "int64"})
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)


def npy(array: Any, *, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def doubled() -> bytes:
    with warnings.catch_warnings(action="ignore"):
        return zipped([("x.npy", GOOD), ("x.npy", GOOD)])


GOOD = npy(np.zeros(2))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a usable npz file"),
        (b"PK\x03\x04" + b"x" * 100, "not a usable npz file"),
        (zipped([("x.npy", GOOD)])[:-30], "not a usable npz file"),
        (zipped([("x.npy", GOOD)], zipfile.ZIP_STORED).replace(GOOD[:6], b"\x80abcde"), "Bad CRC-32"),
        (zipped([("x.npy", GOOD)], zipfile.ZIP_LZMA), "stored or deflated"),
        (zipped([("x.npy", GOOD)], zipfile.ZIP_BZIP2), "stored or deflated"),
        (zipped([("x", GOOD)]), "'x' is not an array"),
        (doubled(), "holds an array twice"),
        (zipped([("x.npy", GOOD), ("y.npy", GOOD)]), "holds x, y, not x"),
        (zipped([]), "holds nothing, not x"),
        (zipped([("../x.npy", GOOD)]), "holds ../x, not x"),
        (zipped([("x.npy", bytes(2 << 20))]), "unpacks to 2097152 bytes, more than 1048576"),
        (zipped([("x.npy", b"not npy")]), "x is not a usable npy file"),
        (zipped([("x.npy", npy(np.array([{}, 1]), allow_pickle=True))]), "holds object"),
        (zipped([("x.npy", pickle.dumps([1]))]), "not a usable npy file"),
        (zipped([("x.npy", npy(np.zeros(3)))]), "has shape"),
        (zipped([("x.npy", npy(np.zeros(2, np.float32)))]), "holds float32, not float64"),
        (zipped([("x.npy", npy(np.array([0.0, np.nan])))]), "not finite"),
    ],
)
def test_a_malformed_npz_is_refused(data: bytes, said: str, readers: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(readers.Invalid, match=said):
        readers.safe_npz(tmp_path / "a.npz", shapes={"x": (2,)}, limit=1 << 20)


def test_a_member_that_lies_about_its_size_is_refused(readers: ModuleType, tmp_path: Path) -> None:
    data = bytearray(zipped([("x.npy", bytes(50 << 20))]))
    for at in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[at : at + 4] = struct.pack("<I", 100)
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(readers.Invalid, match=r"a\.npz"):
        readers.safe_npz(tmp_path / "a.npz", shapes={"x": (2,)}, limit=1 << 20)


# safetensors


def test_what_the_library_writes_comes_back(readers: ModuleType, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {
        "weight": torch.arange(6.0).reshape(2, 3),
        "half": torch.tensor([0.5, -2.0], dtype=torch.float16),
        "brain": torch.tensor([[1.5], [-3.0]], dtype=torch.bfloat16),
        "count": torch.tensor(7),
        "mask": torch.tensor([True, False]),
        "none": torch.zeros((0, 4)),
    }
    save_file(tensors, tmp_path / "m.safetensors", metadata={"format": "pt"})
    read = readers.safe_safetensors(tmp_path / "m.safetensors")
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        wanted = tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
        assert read[name].dtype == wanted.dtype
        np.testing.assert_array_equal(read[name], wanted)
    with pytest.raises(readers.Invalid, match="holds brain, count, half, mask, none, weight, not weight"):
        readers.safe_safetensors(tmp_path / "m.safetensors", shapes={"weight": (2, 3)})


def tensors(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


EIGHT = struct.pack("<2f", 1.0, 2.0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a usable safetensors file"),
        (b"\x08\0\0", "not a usable safetensors file"),
        (tensors({}, length=1 << 62), "header claims 4611686018427387904 bytes"),
        (tensors({"x": entry()}, EIGHT, length=1), "header claims 1 bytes"),
        (tensors(b"[" * 3000 + b"]" * 3000), "not a usable safetensors file"),
        (tensors([1, 2]), "no JSON object"),
        (tensors(b'{"x": NaN}'), "NaN is not a number"),
        (tensors(b'{"x": {}, "x": {}}'), "a key occurs twice"),
        (tensors(b"\xff\xfe{}"), "not a usable safetensors file"),
        (tensors({"x": 3}), "must have dtype, shape and data_offsets"),
        (tensors({"x": entry(more=1)}, EIGHT), "must have dtype, shape and data_offsets"),
        (tensors({"x": entry(offsets=[0])}, EIGHT), "not two integers"),
        (tensors({"x": entry(offsets=[0, 8.0])}, EIGHT), "not two integers"),
        (tensors({"x": entry(offsets=[False, 8])}, EIGHT), "not two integers"),
        (tensors({"x": entry(dtype="F8_E4M3")}, EIGHT), "has the type F8_E4M3"),
        (tensors({"x": entry(dtype=["F32"])}, EIGHT), "has the type"),
        (tensors({"x": entry(shape="2")}, EIGHT), "no usable shape"),
        (tensors({"x": entry(shape=[-2])}, EIGHT), "no usable shape"),
        (tensors({"x": entry(shape=[10**30])}, EIGHT), "no usable shape"),
        (tensors({"x": entry(shape=[10**9, 10**9])}, EIGHT), "fit neither its shape"),
        (tensors({"x": entry(shape=[3])}, EIGHT), "fit neither its shape"),
        (tensors({"x": entry(offsets=[0, 1 << 50], shape=[1 << 47, 2])}, EIGHT), "fit neither its shape"),
        (tensors({"x": entry(offsets=[4, 12])}, EIGHT + EIGHT), "fit neither its shape"),
        (tensors({"x": entry(offsets=[-8, 0])}, EIGHT), "fit neither its shape"),
        (tensors({"x": entry(), "y": entry()}, EIGHT), "fit neither its shape"),
        (tensors({"x": entry()}, EIGHT + b"hidden"), "6 bytes belong to no tensor"),
        (tensors({"x": entry()}, struct.pack("<2f", 1.0, float("nan"))), "not finite"),
        (tensors({"x": entry(dtype="BF16", offsets=[0, 4])}, struct.pack("<2H", 0x7F80, 0)), "not finite"),
        (pickle.dumps({"x": [1.0] * 50}), "header claims"),
    ],
)
def test_malformed_safetensors_are_refused(data: bytes, said: str, readers: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(readers.Invalid, match=said):
        readers.safe_safetensors(tmp_path / "m.safetensors")


def test_tensors_of_another_shape_or_size_are_refused(readers: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(tensors({"x": entry()}, EIGHT))
    assert readers.safe_safetensors(path, shapes={"x": (None,)})["x"].tolist() == [1.0, 2.0]
    with pytest.raises(readers.Invalid, match="x has shape"):
        readers.safe_safetensors(path, shapes={"x": (3,)})
    with pytest.raises(readers.Invalid, match="more than 20"):
        readers.safe_safetensors(path, limit=20)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_but_nothing_else(
    data: st.DataObject, readers: ModuleType, tmp_path: Path
) -> None:
    kind = data.draw(st.sampled_from(["a.npy", "a.npz", "a.safetensors"]))
    whole = {"a.npy": GOOD, "a.npz": zipped([("x.npy", GOOD)]), "a.safetensors": tensors({"x": entry()}, EIGHT)}[kind]
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / kind).write_bytes(
        damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged
    )
    try:
        if kind == "a.npy":
            readers.safe_npy(tmp_path / kind, shape=(None,), limit=1 << 16)
        elif kind == "a.npz":
            readers.safe_npz(tmp_path / kind, shapes={"x": (None,)}, limit=1 << 16)
        else:
            readers.safe_safetensors(tmp_path / kind, limit=1 << 16)
    except readers.Invalid:
        pass


# other formats


@pytest.mark.parametrize("name", ["model.pkl", "model.pt", "deep/data.csv", "noending", "x.yaml", "x.json.gz"])
def test_other_formats_reach_no_judge(name: str, run_trial: Callable[..., Any], tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.mkdir()
    (task / "harness.py").write_text(
        "def run(trial):\n    trial.save_json('value.json', 1)\n    trial.load('program.py').main(trial.out)\n"
    )
    (task / "judge.py").write_text("def judge(out, private, stage, seed):\n    return {'value': 1}\n")
    write = "    path.parent.mkdir(exist_ok=True)\n    path.write_text('x')\n"
    program = f"def main(out):\n    path = out / {name!r}\n{write}"
    answer = run_trial(task, {"program.py": program}).answer
    assert answer == {"invalid": f"{name} is in no format that is judged; write .json, .npy, .npz, .safetensors"}
    assert run_trial(task, {"program.py": program.replace(name, "ok.npz")}).metrics == {"value": 1.0}
