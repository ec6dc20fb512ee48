"""Folders of layers that are broken or hostile, and units that nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Layer

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.units import known_units, parse_unit
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.viewer.layerfolder import read_layer_folder, write_layer_folder
from napari_latentdyn.viewer.reader import read_folder


@pytest.fixture
def folder(tmp_path: Path, layers: Callable[..., list[Any]]) -> Path:
    return write_layer_folder(tmp_path / "layers", layers())


def changed(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    report = json.loads((folder / "report.json").read_text())
    change(report["layers"])
    report["files"] = {name: (folder / name).stat().st_size for name in report["files"]}
    (folder / "report.json").write_text(json.dumps(report))


def refusal(folder: Path) -> str:
    with pytest.raises(RunFolderError) as error:
        read_layer_folder(folder)
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


CHANGES: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "layers.0.type": lambda entries: entries[0].update(type="labels"),
    "layers.0.file": lambda entries: entries[0].update(file="../secret.tif"),
    "layers.0.shape.0": lambda entries: entries[0].update(shape=[-4, 12, 16]),
    "layers.0: 'shape' is missing": lambda entries: entries[0].pop("shape"),
    "layers.0.dtype": lambda entries: entries[0].update(dtype="object"),
    "layers.0.look": lambda entries: entries[0].update(look=3),
    "layers.0.look.contrast_limits": lambda entries: entries[0]["look"].update(
        contrast_limits=[2, 1]
    ),
    "layers.0.look.opacity": lambda entries: entries[0]["look"].update(opacity=7),
    "layers.0.look.blending": lambda entries: entries[0]["look"].update(blending="none"),
    "layers.0.transform": lambda entries: entries[0]["transform"].update(scale=[1, 1]),
    "layers.0.transform: the pixels": lambda entries: entries[0]["transform"].update(
        scale=[1, 1, 0]
    ),
    "layers.0.transform.affine": lambda entries: entries[0]["transform"].update(affine=[1, 2]),
    "layers.1.start": lambda entries: entries[1].update(start=[1, 2, 3]),
    "layers.1: start": lambda entries: entries[1].update(projection=["dt"]),
    "layers.1: the layer has 2 axes": lambda entries: entries[1].update(
        start=["t", "y"], projection=["dt", "dy"]
    ),
    "layers.1": lambda entries: entries.__setitem__(1, 5),
}


@pytest.mark.parametrize("where", CHANGES)
def test_reports_with_values_of_another_kind(folder: Path, where: str) -> None:
    changed(folder, CHANGES[where])
    assert where in refusal(folder)


def test_columns_that_are_missing(folder: Path) -> None:
    changed(folder, lambda entries: entries[1].update(features=["speed", "colour"]))
    assert "colour" in refusal(folder)


def test_an_image_of_another_shape(folder: Path) -> None:
    (image,) = folder.glob("*.ome.tif")
    tifffile.imwrite(image, np.zeros((4, 12, 15), np.float32))
    changed(folder, lambda entries: None)
    assert "(4, 12, 15)" in refusal(folder)
    tifffile.imwrite(image, np.zeros((4, 12, 16), np.float32), compression="zlib")
    changed(folder, lambda entries: None)
    assert "compressed" in refusal(folder)


def test_what_a_later_version_adds_is_left_out(folder: Path) -> None:
    before = read_layer_folder(folder)
    changed(folder, lambda entries: entries[0]["look"].update(data=[], projection="light"))
    for old, new in zip(before, read_layer_folder(folder), strict=True):
        assert old[1].keys() == new[1].keys()


UNITS = ["bananas", "9**9**9**9", "m**1e9", "(" * 50, "2 m", "", "m" * 1000]


@pytest.mark.parametrize("unit", UNITS)
def test_units_that_are_none(unit: str) -> None:
    assert parse_unit(unit) is None


def test_units_that_napari_writes() -> None:
    units = ("meter", "µm", "meter / second ** 2", "1 / meter", "degree", "pixel", "hour")
    assert known_units(units) == units
    assert known_units(("bananas", "m")) == ("pixel", "m")


def test_results_in_units_that_nobody_knows_can_be_shown(
    tmp_path: Path, save: Callable[..., Path], folder: Path, run: Dynamics
) -> None:
    placement = {"scale": [2.0, 3.0], "units": ["bananas", "9**9**9**9"]}
    interval = {"value": 5.0, "unit": "moons"}
    there = save(tmp_path / "run", report={"placement": placement, "interval": interval})
    changed(folder, lambda entries: entries[0]["transform"].update(units=["moons", "m", "m"]))
    for read in (read_folder(str(there)), read_folder(str(folder))):
        for data, meta, kind in read:
            assert "moons" not in Layer.create(data, meta, kind).units
