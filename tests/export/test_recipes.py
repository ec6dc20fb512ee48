"""The Python of the page on exports runs on exports."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from napari_latentdyn.core.runfolder.folder import write_run
from napari_latentdyn.export import FORMATS, Source, export

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(geo_source, tmp_path, monkeypatch) -> Path:
    """A run folder ``drift``, and what the commands of the page make of it."""
    write_run(
        tmp_path / "drift",
        frames=geo_source.frames,
        times=geo_source.times,
        velocity=geo_source.velocity,
        field_times=np.arange(4) / 4,
        settings=geo_source.settings,
        report={**geo_source.report, "interval": {"value": 12.0, "unit": "hour"}},
        tensors={"weight": np.zeros(2, np.float32)},
        tensor_metadata={},
        inputs={"first": np.zeros((1, 24, 36), np.float32)},
    )
    source = Source.from_run(tmp_path / "drift")
    for name in ("drift.ome.tif", "drift.tif", "drift.nc", "drift.ome.zarr"):
        export(source, tmp_path / name)
    export(source, tmp_path / "drift-series", "geotiff-series")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_recipe(folder, number, geo_source):
    names: dict[str, object] = {}
    exec(compile(RECIPES[number], f"recipe {number}", "exec"), names)
    if "frames" in names:
        np.testing.assert_array_equal(names["frames"], geo_source.frames)
    if "east" in names:
        np.testing.assert_allclose(names["east"], geo_source.velocity[0, 1] * 100 / 3, rtol=1e-5)
    if "noon" in names:
        np.testing.assert_allclose(names["noon"], geo_source.frames[2], rtol=1e-5)
    if "velocity" in names:
        np.testing.assert_array_equal(names["velocity"], geo_source.velocity)
    if "pictures" in names:
        assert (folder / "canvas.mp4").stat().st_size > 500


def test_the_table_names_every_format():
    assert len(RECIPES) == 6
    cells = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| `")]
    rows = [(name.strip("` "), suffixes, extra) for name, suffixes, _, extra in cells]
    assert [name for name, _, _ in rows] == [form.name for form in FORMATS]
    for form, (_, suffixes, extra) in zip(FORMATS, rows, strict=True):
        assert extra.strip("` ") == (form.extra or "")
        if form.suffix:
            assert form.suffix in suffixes
