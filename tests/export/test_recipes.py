"""The Python of the page on exports runs on exports."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_latentdyn.export import FORMATS, export

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(run_data, tmp_path, monkeypatch) -> Path:
    """A run folder ``drift``, and what the commands of the page make of it."""
    shutil.copytree(run_data.encoding["source"], tmp_path / "drift")
    for name in ("drift.ome.tif", "drift.tif", "drift.nc", "drift.ome.zarr"):
        export(run_data, tmp_path / name)
    export(run_data, tmp_path / "drift-velocity.tif", velocity=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_recipe(geo_parts, folder, number):
    names: dict[str, object] = {}
    exec(compile(RECIPES[number], f"recipe {number}", "exec"), names)
    if "frames" in names:
        np.testing.assert_array_equal(names["frames"], geo_parts["frames"])
    if "east" in names:
        np.testing.assert_allclose(names["east"], geo_parts["velocity"][0, 1] * 100 / 3, rtol=1e-5)
    if "noon" in names:
        np.testing.assert_allclose(names["noon"], geo_parts["frames"][2], rtol=1e-5)
    if "velocity" in names:
        np.testing.assert_allclose(names["velocity"], geo_parts["velocity"], rtol=1e-5)
    if "pictures" in names:
        assert (folder / "canvas.mp4").stat().st_size > 500


def test_the_table_names_every_format():
    assert len(RECIPES) == 6
    cells = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| `")]
    rows = [(name.strip("` "), suffixes, extra) for name, suffixes, _, extra in cells]
    assert [name for name, _, _ in rows] == [form.name for form in FORMATS]
    for form, (_, suffixes, extra) in zip(FORMATS, rows, strict=True):
        assert extra.strip("` ") == (form.extra or "")
        assert all(f"`{suffix}`" in suffixes for suffix in form.suffixes[:1])
