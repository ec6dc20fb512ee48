"""Run folders with missing, damaged or foreign files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as save_tensors
from tests.core.runfolder.helpers import one_sentence
from tests.folders import read_arrays, read_networks, read_observations

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder.folder import read_model
from napari_latentdyn.core.runfolder.report import read_report
from napari_latentdyn.errors import RunFolderError

Save = Callable[..., Path]
BINARY = ("frames.ome.tif", "fields.npz", "model.safetensors", "inputs.npz")
READERS = (read_arrays, read_networks, read_observations)


@pytest.mark.parametrize("name", [*BINARY, "settings.json"])
def test_missing_file(tmp_path: Path, save: Save, name: str) -> None:
    folder = save(tmp_path / "run")
    (folder / name).unlink()
    with pytest.raises(RunFolderError) as error:
        Dynamics.load(folder)
    assert name in one_sentence(error)
    assert "missing" in one_sentence(error)


@pytest.mark.parametrize("name", [*BINARY, "settings.json", "report.json"])
@pytest.mark.parametrize("left", [0, 10, 0.6])
def test_truncated_file(tmp_path: Path, save: Save, name: str, left: float) -> None:
    folder = save(tmp_path / "run")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(
        content[: left if left >= 1 or left == 0 else int(len(content) * left)]
    )
    for read in (read_arrays,) if name == "settings.json" else READERS:
        with pytest.raises(RunFolderError) as error:
            read(folder)
        assert name in one_sentence(error)


@pytest.mark.parametrize("name", BINARY)
def test_damaged_file_of_the_right_length(tmp_path: Path, save: Save, name: str) -> None:
    folder = save(tmp_path / "run")
    (folder / name).write_bytes(b"\xff" * (folder / name).stat().st_size)
    read = {"model.safetensors": read_networks, "inputs.npz": read_observations}.get(
        name, read_arrays
    )
    with pytest.raises(RunFolderError) as error:
        read(folder)
    assert name in one_sentence(error)


@pytest.mark.parametrize("read", [*READERS, read_report])
def test_newer_version(tmp_path: Path, save: Save, read: Callable[[Path], Any]) -> None:
    folder = save(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "format_version": 3}))
    with pytest.raises(RunFolderError, match="newer version of napari-latentdyn") as error:
        read(folder)
    assert "update" in one_sentence(error)


@pytest.mark.parametrize(
    ("found", "words"), [("3", "newer version"), ("x", "version"), (None, "version")]
)
def test_model_of_another_version(
    tmp_path: Path, save: Save, found: str | None, words: str
) -> None:
    folder = save(tmp_path / "run")
    metadata = {} if found is None else {"format": found}
    model = save_tensors({"a": np.zeros(2, np.float32)}, metadata)
    (folder / "model.safetensors").write_bytes(model)
    report = json.loads((folder / "report.json").read_text())
    report["files"]["model.safetensors"] = len(model)
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunFolderError, match=words) as error:
        read_model(folder)
    one_sentence(error)


def test_unfinished_report_is_not_believed(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "complete": False}))
    with pytest.raises(RunFolderError, match="not finished"):
        Dynamics.load(folder)


def test_fields_of_another_shape(tmp_path: Path, save: Save) -> None:
    folder, other = save(tmp_path / "run"), save(tmp_path / "other")
    np.savez(
        other / "fields.npz", velocity=np.zeros((3, 2, 12, 15), np.float32), times=np.arange(3)
    )
    report = json.loads((folder / "report.json").read_text())
    report["files"]["fields.npz"] = (other / "fields.npz").stat().st_size
    (other / "fields.npz").replace(folder / "fields.npz")
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunFolderError, match=r"fields\.npz"):
        Dynamics.load(folder)


def test_pickles_are_never_loaded(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    np.savez(folder / "inputs.npz", first=np.array([{"a": 1}], dtype=object))
    report = json.loads((folder / "report.json").read_text())
    report["files"]["inputs.npz"] = (folder / "inputs.npz").stat().st_size
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunFolderError, match=r"inputs\.npz"):
        read_observations(folder)
