"""Files of arrays that are written and read one array after the other."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from napari_latentdyn.files import archive
from napari_latentdyn.files.archive import ArrayType, Parts, read_arrays, write_arrays
from napari_latentdyn.files.tensors import TensorFile, write_tensors

KINDS = ("float32", "int64", "float64", "bool", "uint8", "int16", "float16")


def arrays() -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(0)
    found = {
        f"{k}.{kind}": (5 * random.random((k + 1, 3))).astype(kind) for k, kind in enumerate(KINDS)
    }
    found |= {"één": np.array(3.0), "empty": np.zeros((0, 2), np.float32)}
    return found | {"turned": random.random((4, 5)).T.astype(">f4")}


def test_tensors_are_written_as_by_the_library(tmp_path: Path) -> None:
    write_tensors(tmp_path / "ours", arrays(), {"b": "2", "a": "1"})
    plain = {
        name: np.array(a, a.dtype.newbyteorder("="), order="C") for name, a in arrays().items()
    }
    save_file(plain, tmp_path / "theirs", {"b": "2", "a": "1"})
    ours, theirs = (_parsed(tmp_path / name) for name in ("ours", "theirs"))
    assert ours == theirs
    assert list(ours[0]["__metadata__"]) == ["a", "b"]
    for name, array in load_file(tmp_path / "ours").items():
        np.testing.assert_array_equal(array, plain[name])


def _parsed(file: Path) -> tuple[dict[str, Any], bytes]:
    content = file.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:start]), content[start:]


def test_tensors_are_read_when_they_are_used(tmp_path: Path) -> None:
    write_tensors(tmp_path / "file", arrays(), {"format": "2"})
    file = TensorFile(tmp_path / "file")
    assert file.metadata == {"format": "2"}
    for name, array in arrays().items():
        assert name in file
        assert file.shapes[name] == file[name].shape == array.shape
        np.testing.assert_array_equal(file[name], array)
    assert "missing" not in file
    time.sleep(0.01)
    write_tensors(tmp_path / "file", arrays(), {"format": "2"})
    with pytest.raises(ValueError, match="replaced"):
        file["turned"]


def test_arrays_of_archives_can_be_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    whole = random.random((5, 2, 7, 9)).astype(np.float32)
    parts = Parts(whole.shape, whole.dtype, iter([whole[:1], whole[1:]]))
    given = {"parts": parts, "whole": whole, "flag": np.array(True), "times": np.arange(5.0)}
    write_arrays(tmp_path / "file.npz", given)
    with np.load(tmp_path / "file.npz") as found:
        assert found.files == list(given)
        np.testing.assert_array_equal(found["parts"], whole)
        np.testing.assert_array_equal(found["times"], np.arange(5.0))
        assert found["flag"].shape == ()
    monkeypatch.setattr(archive, "MAPPED", 100)
    types = {name: ArrayType("real", (5, 2, 7, 9)) for name in ("parts", "whole")}
    for array in read_arrays(tmp_path / "file.npz", types, {}).values():
        assert isinstance(array.base, np.memmap)
        assert array.flags.aligned
        np.testing.assert_array_equal(array, whole)
