"""Oddities of two images that are refused or said before the training."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile


def test_pixels_of_two_sizes_are_refused(call, pair, tmp_path, drifting, tiny):
    for name, size, unit in (("mm.ome.tif", 90_000, "mm"), ("cm.ome.tif", 10_050, "cm")):
        sizes = {f"PhysicalSize{axis}": size for axis in "XY"}
        units = {f"PhysicalSize{axis}Unit": unit for axis in "XY"}
        metadata = {"axes": "YX", **sizes, **units}
        tifffile.imwrite(tmp_path / name, drifting(1.0), ome=True, metadata=metadata)
    answer = call("run", pair[0], tmp_path / "mm.ome.tif", "-o", tmp_path / "out", *tiny)
    assert answer.code == 2
    assert "measure 100 x 100 m and those of mm.ome.tif 90000 x 90000 mm" in answer.sentence()
    near = call("run", pair[0], tmp_path / "cm.ome.tif", "-o", tmp_path / "out", *tiny)
    assert near.code == 0


def test_what_is_odd_about_the_images_is_said(call, pair, tmp_path, drifting, tiny):
    assert "same?" not in call("run", *pair, "-o", tmp_path / "a", *tiny).err
    last = drifting(1.0).astype(np.float32)
    last[:2, :3] = np.inf
    last[5, 5] = np.nan
    tifffile.imwrite(tmp_path / "inf.tif", last)
    answer = call("run", pair[0], tmp_path / "inf.tif", "-o", tmp_path / "b", *tiny)
    assert answer.code == 0
    assert answer.err.splitlines()[0] == "Infinite values count as missing: 6 in inf.tif."
    assert "same?" not in answer.err
    for name, other in (("far", drifting(1.0) + 1000.0), ("wide", drifting(1.0) * 20.0)):
        tifffile.imwrite(tmp_path / f"{name}.tif", other)
        answer = call("run", pair[0], tmp_path / f"{name}.tif", "-o", tmp_path / name, *tiny)
        assert answer.code == 0
        assert "are the units the same?" in answer.err.splitlines()[0]


def test_an_image_that_is_upside_down_on_the_map_is_refused(call, tmp_path, drifting, tiny):
    rasterio = pytest.importorskip("rasterio")
    for name, e, f in (("a", -10.0, 8e6), ("b", -10.0, 8e6), ("south", 10.0, 8e6 - 640)):
        place = {"crs": "EPSG:3413", "transform": rasterio.Affine(10, 0, 5e5, 0, e, f)}
        shape = {"height": 64, "width": 64, "count": 1, "dtype": "uint8"}
        path = tmp_path / f"{name}.tif"
        with rasterio.open(path, "w", driver="GTiff", **shape, **place) as file:
            file.write(drifting(float(name != "a"))[None])
    first = tmp_path / "a.tif"
    answer = call("run", first, tmp_path / "south.tif", "-o", tmp_path / "out", *tiny)
    assert answer.code == 2
    assert "south.tif is flipped on the map: it begins in the south" in answer.sentence()
    assert call("run", first, tmp_path / "b.tif", "-o", tmp_path / "out", *tiny).code == 0
